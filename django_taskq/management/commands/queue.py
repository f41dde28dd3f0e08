"""manage.py queue: list queues, limit, pause, resume and clear them."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError
from django.tasks import task_backends

from django_taskq.clearing import clear
from django_taskq.jobs.depths import Depth, depth_of
from django_taskq.jobs.insights import LaneCount
from django_taskq.management import arguments, rules, tables
from django_taskq.management.arguments import CANNOT
from django_taskq.management.ruling import RulingCommand
from django_taskq.models import Queue
from django_taskq.standings import QueueStanding, lanes_of, queues_in


class Command(RulingCommand):
    """Parse what was asked for, have it done, print what became of it."""

    help = "List queues, limit, pause, resume and clear them."
    kind = Queue

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        self.add_shared(verbs)
        setting = self.add_named(verbs, "set", "Say how many jobs of a queue run at once.")
        setting.add_argument(
            "--max-running", type=rules.or_none(rules.max_running), metavar="N", required=True,
            help="How many of its jobs run at once, over all workers; none for no limit.",
        )  # fmt: skip
        for verb, what in _WAITING.items():
            parser = verbs.add_parser(verb, help=what)
            parser.add_argument("name", metavar="NAME", help="Its name.")
            parser.add_argument("--tenant", help="Only jobs of this tenant.")
            arguments.add_backends(parser)
            arguments.add_format(parser)
        # The last one: `clear`.
        arguments.add_no_input(parser)

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> Iterable[QueueStanding]:
        """Return the queues of a database."""
        return queues_in(database, lanes)

    def _set(self, options: dict[str, Any]) -> None:
        self.rule(options, {"max_running": options["max_running"]})
        self._doubt(options)

    def _pause(self, options: dict[str, Any]) -> None:
        super()._pause(options)
        self._doubt(options)

    def _size(self, options: dict[str, Any]) -> None:
        depths = _depths(options)
        if options["format"] == "json":
            self.write_json(
                {
                    alias: {"waiting": depth.waiting, **depth._asdict()}
                    for alias, depth in depths.items()
                }
            )
        else:
            self.write(str(_waiting(depths)))

    def _clear(self, options: dict[str, Any]) -> None:
        depths = _depths(options)
        waiting = _waiting(depths)
        if options["interactive"] and waiting:
            self._confirm(options, waiting)
        done = dict.fromkeys(depths, 0)
        try:
            for alias in done:
                for count in clear(alias, options["name"], options["tenant"]):
                    done[alias] += count
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted. Jobs canceled before: {sum(done.values())}; the others wait.",
                returncode=CANNOT,
            ) from None
        if options["format"] == "json":
            self.write_json(done)
        else:
            self.write(tables.table(("backend", "canceled"), done.items()))

    def _confirm(self, options: dict[str, Any], waiting: int) -> None:
        whose = "" if options["tenant"] is None else f" of the tenant {options['tenant']!r}"
        self.confirm(
            "clear",
            f"Jobs{whose} that wait in the queue {options['name']!r}: {waiting}. They are "
            "canceled; their history is kept.",
        )

    def _doubt(self, options: dict[str, Any]) -> None:
        """Tell of a queue into which no alias enqueues; its name may be misspelled."""
        name = options["name"]
        known = [task_backends[alias].queues for alias in options["backends"] or task_backends]
        if all(queues and name not in queues for queues in known):
            self.stderr.write(
                f"No alias has {tables.clean(name)!r} among its QUEUES, so that no job is enqueued "
                "there."
            )


_WAITING = {
    "size": "How many jobs of a queue wait: ready, scheduled or deferred.",
    "clear": "Cancel the jobs of a queue that wait.",
}


def _depths(options: dict[str, Any]) -> dict[str, Depth]:
    """Return the unfinished jobs that a command line is about, for each alias."""
    name, tenant = options["name"], options["tenant"]
    return {
        alias: depth_of(
            lane
            for lane in lanes_of([alias])
            if lane.queue == name and tenant in {None, lane.tenant}
        )
        for alias in arguments.wanted_aliases(options["backends"])
    }


def _waiting(depths: dict[str, Depth]) -> int:
    return sum(depth.waiting for depth in depths.values())
