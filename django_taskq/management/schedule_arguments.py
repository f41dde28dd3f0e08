"""What `manage.py schedule add` takes, and how it becomes a definition."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from django.core.management.base import CommandError
from django.utils.dateparse import parse_date, parse_datetime

from django_taskq.exceptions import InvalidSchedule
from django_taskq.management import arguments
from django_taskq.management.arguments import WRONG
from django_taskq.models.schedule import Overlap
from django_taskq.scheduling.definition import LAST, SKIP, Definition
from django_taskq.scheduling.interval import parse_every

# Under which names the parsed options fill the fields of a definition.
_FIELDS = {
    "name": "name",
    "every": "every",
    "at": "at",
    "zone": "timezone",
    "start": "start_at",
    "end": "end_at",
    "jitter": "jitter",
    "backend": "backend",
    "queue": "queue",
    "tenant": "tenant",
    "priority": "priority",
    "positional": "args",
    "named": "kwargs",
    "task_options": "options",
    "catchup": "catchup",
    "overlap": "overlap",
}


def add_definition(parser: ArgumentParser) -> None:
    """Declare the arguments of a new schedule."""
    parser.add_argument("name", metavar="NAME", help="Its name.")
    parser.add_argument(
        "words", metavar="TASK", nargs="+",
        help="The cron expression in quotes, unless --every or --at is given, and then the import "
        "path of a @task.",
    )  # fmt: skip
    _add_times(parser)
    _add_call(parser)
    parser.add_argument(
        "--catchup", default=LAST, metavar="none|last|all[:N]",
        help="Which ticks that were missed fire after all (last).",
    )  # fmt: skip
    parser.add_argument(
        "--overlap", choices=Overlap.values, default=SKIP,
        help="What becomes of a tick while the job of an earlier one has not ended (skip).",
    )  # fmt: skip
    parser.add_argument(
        "--disabled", action="store_true", help="Store it switched off; enable it later."
    )


def definition_from(options: dict[str, Any]) -> Definition:
    """Return what a command line asks for. Raise CommandError."""
    expression, task = _read_words(options["words"], options)
    given = {field: options[dest] for dest, field in _FIELDS.items()}
    fields = {field: value for field, value in given.items() if value is not None}
    return Definition(expression=expression, task=task, **fields)


def local_moment(text: str) -> datetime:
    """Read a time, naive unless it says its offset, or a duration from now on."""
    try:
        found = parse_datetime(text)
        date = None if found is not None else parse_date(text)
    except ValueError:
        found = date = None
    if found is not None:
        return found
    if date is not None:
        return datetime.combine(date, time())
    try:
        duration = arguments.moment(text)
    except ArgumentTypeError:
        duration = None
    if duration is None or isinstance(duration, datetime):
        raise ArgumentTypeError(
            f"expected a time like 2026-12-24T18:00, which is one of the schedule's own time zone "
            f"unless it has an offset, or a duration from now like 90s, 10m, 2h, got {text!r}"
        )
    return datetime.now(UTC) + duration


def interval(text: str) -> float:
    """Read an interval."""
    try:
        return parse_every(text)
    except InvalidSchedule as error:
        raise ArgumentTypeError(str(error)) from None


def _add_times(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=interval, metavar="INTERVAL", help="Instead of an expression: 30s, 1h30m."
    )
    parser.add_argument(
        "--at", type=local_moment, metavar="TIME", help="Once, at this time: 2026-12-24T18:00."
    )
    parser.add_argument(
        "--timezone", dest="zone", metavar="ZONE", help="Default: TIME_ZONE of the settings."
    )
    parser.add_argument(
        "--start", type=local_moment, metavar="TIME", help="No tick before this time."
    )
    parser.add_argument("--end", type=local_moment, metavar="TIME", help="No tick after this time.")
    parser.add_argument(
        "--jitter", type=_jitter, metavar="S",
        help="Fire up to so many seconds later, the same each time it is worked out (0).",
    )  # fmt: skip


def _add_call(parser: ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="ALIAS", help="Default: the task's own.")
    parser.add_argument("--queue", metavar="QUEUE", help="Default: the task's own.")
    parser.add_argument("--tenant", metavar="TENANT", help="On whose behalf.")
    parser.add_argument(
        "--priority", type=arguments.whole_number(-100, 100), metavar="N", help="-100 to 100."
    )
    parser.add_argument(
        "--args", type=arguments.json_of(list), dest="positional", metavar="JSON",
        help="Positional arguments.",
    )  # fmt: skip
    parser.add_argument(
        "--kwargs", type=arguments.json_of(dict), dest="named", metavar="JSON",
        help="Keyword arguments.",
    )  # fmt: skip
    parser.add_argument(
        "--options", type=arguments.json_of(dict), dest="task_options", metavar="JSON",
        help='Further options of the task: {"max_tries": 3}.',
    )  # fmt: skip


def _read_words(words: Sequence[str], options: dict[str, Any]) -> tuple[str | None, str]:
    has_time = options["every"] is not None or options["at"] is not None
    match words:
        case [task] if has_time:
            return None, task
        case [expression, task] if not has_time:
            return expression, task
        case [task]:
            told = "expected a cron expression in quotes before the task, --every or --at, got none"
        case _ if has_time:
            told = f"expected the task alone beside --every or --at, got {' '.join(words)!r}"
        case _:
            told = (
                "expected a cron expression in quotes and the import path of a task, got "
                f'{len(words)} words; write the expression as one: "0 9 * * *"'
            )
    raise CommandError(f"add: {told}.", returncode=WRONG)


def _jitter(text: str) -> float:
    return 0.0 if text == "0" else interval(text)
