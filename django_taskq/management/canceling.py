"""Canceling all jobs that match, from the command line."""

from typing import Any

from django.core.management.base import CommandError

from django_taskq.clearing import Canceled, cancel_matching, count_matching
from django_taskq.jobs.filters import JobFilter
from django_taskq.management import arguments, tables
from django_taskq.management.arguments import CANNOT
from django_taskq.management.printing import PrintingCommand


class CancelingCommand(PrintingCommand):
    """A command that can cancel what matches, however much it is."""

    def cancel_matching(self, options: dict[str, Any], wanted: JobFilter) -> None:
        """Tell how many match, ask, cancel them a batch at a time, print how many were."""
        aliases = arguments.wanted_aliases(options["backends"])
        count = sum(count_matching(alias, wanted) for alias in aliases)
        if options["interactive"] and count:
            told = f"Jobs that match and have not ended: {count}. Those that wait are canceled, "
            self.confirm("cancel", f"{told}running ones are asked to stop.")
        done = dict.fromkeys(aliases, Canceled(0, 0))
        try:
            for alias in aliases:
                for ended, asked in cancel_matching(alias, wanted):
                    before = done[alias]
                    done[alias] = Canceled(before.ended + ended, before.asked + asked)
        except KeyboardInterrupt:
            told = str(sum(map(sum, done.values())))
            raise CommandError(
                f"Interrupted. Jobs canceled, or asked to stop, before: {told}.", returncode=CANNOT
            ) from None
        if options["format"] == "json":
            self.write_json(
                {
                    alias: {"canceled": each.ended, "asked": each.asked}
                    for alias, each in done.items()
                }
            )
        else:
            rows = [(alias, *counts) for alias, counts in done.items()]
            self.write(tables.table(("backend", "canceled", "asked to stop"), rows))
