"""A command that prints tables or JSON, whatever users have stored."""

from argparse import SUPPRESS, ArgumentParser, _SubParsersAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_taskq.management import tables
from django_taskq.management.arguments import CANNOT, WRONG


class PrintingCommand(BaseCommand):
    """Base of the commands that show jobs."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let Django's own options stand behind a verb as well as before it."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        for action in parser._actions:
            if isinstance(action, _SubParsersAction):
                for verb_parser in action.choices.values():
                    _add_options_of_django(verb_parser)
        return parser

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


def _add_options_of_django(parser: ArgumentParser) -> None:
    """Take what Django gives to every command; left out, it is what stands before the verb."""
    parser.add_argument(
        "-v", "--verbosity", type=int, choices=(0, 1, 2, 3), default=SUPPRESS, help=SUPPRESS
    )
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=SUPPRESS, help=SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)
