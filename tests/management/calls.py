"""Calling commands in tests: what they print, and with which status they end."""

import json
from io import StringIO
from typing import Any, NamedTuple

from django.core.management import call_command
from django.core.management.base import CommandError


class Called(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str = ""

    @property
    def json(self) -> Any:
        """What was printed, read as JSON."""
        return json.loads(self.out)


def call(*arguments: str) -> Called:
    """Call a command with the words of a command line."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return Called(error.returncode, out.getvalue(), str(error))
    return Called(0, out.getvalue())
