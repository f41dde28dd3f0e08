"""A command that prints tables or JSON, whatever users have stored."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_taskq.management import tables
from django_taskq.management.arguments import CANNOT, WRONG


class PrintingCommand(BaseCommand):
    """Base of the commands that show jobs."""

    def write(self, text: str) -> None:
        """Print text, with escapes for what the output has no characters for."""
        self.stdout.write(tables.encodable(text, getattr(self.stdout, "encoding", None)))

    def write_json(self, value: Any) -> None:
        """Print a value as JSON."""
        self.stdout.write(tables.as_json(value))

    def confirm(self, verb: str, sentence: str, done: str = "canceled") -> None:
        """Go on where whoever is there types yes. Raise CommandError."""
        # On stderr, so that stdout has what was asked for and nothing else.
        self.stderr.write(f"{sentence} Type yes to go on: ", str, "")
        self.stderr.flush()
        try:
            answer = input()
        except EOFError:
            raise CommandError(
                f"{verb}: expected an answer, got none; --no-input does not ask.", returncode=WRONG
            ) from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError(f"Nothing was {done}.", returncode=CANNOT)
