"""What the verbs of `manage.py schedule` share."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTask

from django_taskq.exceptions import InvalidSchedule, JobUnloadable
from django_taskq.management import arguments, tables
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.management.printing import PrintingCommand
from django_taskq.models import Schedule
from django_taskq.scheduling import edits


class SchedulingCommand(PrintingCommand):
    """Base of the command that is about schedules."""

    def add_named(self, verbs: Any, verb: str, what: str) -> ArgumentParser:
        """Declare a verb about one schedule."""
        parser: ArgumentParser = verbs.add_parser(verb, help=what)
        parser.add_argument("name", metavar="NAME", help="Its name.")
        parser.add_argument(
            "--backend", metavar="ALIAS",
            help="Its alias, where schedules of several databases have the name.",
        )  # fmt: skip
        arguments.add_format(parser)
        return parser

    @contextmanager
    def refusals(self, status: int = CANNOT) -> Iterator[None]:
        """Turn a refusal into a sentence of the command."""
        try:
            yield
        except (InvalidSchedule, InvalidTask, JobUnloadable) as error:
            raise CommandError(tables.clean(str(error)), returncode=status) from error

    def check_backend(self, options: dict[str, Any]) -> None:
        """Refuse an alias that there is not. Raise CommandError."""
        alias = options["backend"]
        if alias is not None and alias not in task_backends:
            known = ", ".join(task_backends)
            raise CommandError(
                f"--backend: expected one of {known}, got {alias!r}, which TASKS has not.",
                returncode=WRONG,
            )

    def named(self, options: dict[str, Any]) -> Schedule:
        """Return the schedule that the command line names. Raise CommandError."""
        name = options["name"]
        self.check_backend(options)
        found = edits.find(name, options["backend"])
        shown = tables.clean(repr(name))
        if not found:
            raise CommandError(f"There is no schedule {shown}.", returncode=CANNOT)
        if len(found) > 1:
            aliases = ", ".join(row.backend for row in found)
            raise CommandError(
                f"There are several schedules {shown}: say --backend with one of {aliases}.",
                returncode=WRONG,
            )
        return found[0]
