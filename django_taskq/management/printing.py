"""A command that prints tables or JSON, whatever users have stored."""

from typing import Any

from django.core.management.base import BaseCommand

from django_taskq.management import tables


class PrintingCommand(BaseCommand):
    """Base of the commands that show jobs."""

    def write(self, text: str) -> None:
        """Print text, with escapes for what the output has no characters for."""
        self.stdout.write(tables.encodable(text, getattr(self.stdout, "encoding", None)))

    def write_json(self, value: Any) -> None:
        """Print a value as JSON."""
        self.stdout.write(tables.as_json(value))
