"""Arguments that several commands take, and how their text is read."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.tasks import task_backends
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_taskq.control import database_of, durable_aliases
from django_taskq.jobs import payload
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.tenants import Tenants
from django_taskq.missing_tables import explain_error
from django_taskq.named_pools import ALL
from django_taskq.stores.failures import failures
from django_taskq.tenancy import check_tenant
from django_taskq.worker.loop import told

CANNOT, WRONG = 1, 2
LONGEST_WAIT = 10_000_000
# How a list of tenants names the jobs that have none.
NO_TENANT = "-"
FILE = "@"

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\+?(\d{1,9}(?:\.\d{1,6})?)([smhd]?)")


def add_format(parser: ArgumentParser) -> None:
    """Let the caller choose between a table and JSON."""
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="How to print (table)."
    )


def add_no_input(parser: ArgumentParser) -> None:
    """Let the caller say that nobody is there to answer."""
    parser.add_argument(
        "--no-input", action="store_false", dest="interactive", help="Do not ask first."
    )


def add_filters(parser: ArgumentParser, states: Sequence[str]) -> None:
    """Let the caller name jobs by what they have in common."""
    parser.add_argument(
        "--state", type=str.upper, choices=list(states), metavar="STATE",
        help=f"One of {', '.join(states)}.",
    )  # fmt: skip
    parser.add_argument("--queue", help="Only jobs of this queue.")
    parser.add_argument("--tenant", help="Only jobs of this tenant.")
    parser.add_argument("--task", metavar="PATH", help="Only jobs of this task.")


def add_backends(parser: ArgumentParser) -> None:
    """Let the caller name the aliases that the command is about."""
    parser.add_argument(
        "--backend",
        action="append",
        metavar="ALIAS",
        dest="backends",
        help="An alias in TASKS; may be repeated. Default: every alias with durable jobs.",
    )


def wanted_aliases(given: Sequence[str] | None) -> list[str]:
    """Return the durable aliases that were named, or all. Raise CommandError."""
    durable = durable_aliases()
    if not durable:
        raise CommandError(
            "No alias in TASKS keeps its jobs where a command can see them. Expected one whose "
            "BACKEND is django_taskq.backends.DatabaseBackend.",
            returncode=WRONG,
        )
    for alias in given or ():
        if alias not in task_backends:
            raise CommandError(
                f"--backend: expected one of {', '.join(durable)}, got {alias!r}, which TASKS "
                "has not.",
                returncode=WRONG,
            )
        if alias not in durable:
            raise CommandError(
                f"--backend: the jobs of {alias!r} live in the memory of the process that "
                "enqueued them, where no command can see them.",
                returncode=WRONG,
            )
    return list(dict.fromkeys(given or durable))


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn an error of the database, or of Redis, into one sentence of the command."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, failures()):
            raise
        databases = {database_of(alias) for alias in durable_aliases()}
        missing = explain_error(sorted(databases))
        raise CommandError(
            str(missing or f"The store cannot do it: {told(error)}"), returncode=CANNOT
        ) from error


def write_file(option: str, path: Path, text: str) -> None:
    """Write a file that an option names. Raise CommandError."""
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{option}: {str(path)!r} cannot be written: {error.strerror}.", returncode=CANNOT
        ) from error


def job_id(text: str) -> str:
    """Read the id of a job."""
    id = parse_id(text)
    if id is None:
        raise ArgumentTypeError(f"expected the id of a job (a UUID), got {text!r}")
    return id


def run_id(text: str) -> str:
    """Read the id of a run of a pipeline."""
    id = parse_id(text)
    if id is None:
        raise ArgumentTypeError(f"expected the id of a run (a UUID), got {text!r}")
    return id


def names(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    found = tuple(name for name in (part.strip() for part in text.split(",")) if name)
    if not found:
        raise ArgumentTypeError("expected names separated by commas")
    return found


def tenants(text: str) -> Tenants:
    """Read names of tenants separated by commas, or from a file, one in each line."""
    parts = _lines_of(text.removeprefix(FILE)) if text.startswith(FILE) else text.split(",")
    found = [name for name in (part.strip() for part in parts) if name]
    if not found:
        raise ArgumentTypeError(
            f"expected names separated by commas, or {FILE} and a file with one in each line, got "
            f"{text!r}; {NO_TENANT!r} stands for jobs without a tenant"
        )
    for name in found:
        wrong = check_tenant(name)
        if wrong is not None:
            raise ArgumentTypeError(wrong)
    return Tenants("" if name == NO_TENANT else name for name in found)


def stolen_tenants(text: str) -> Tenants:
    """Read whom to steal from: as `tenants` does, or a star for all others."""
    return Tenants((), is_rest=True) if text == ALL else tenants(text)


def _lines_of(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"the file {path!r} cannot be read: {error}") from None


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers in a range."""
    wanted = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise ArgumentTypeError(f"expected a whole number {wanted}, got {text!r}")
        return value

    return read


def seconds(text: str) -> float:
    """Read a positive number of seconds, not more than Python can wait."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_WAIT:
        raise ArgumentTypeError(f"expected seconds above 0, at most {LONGEST_WAIT}, got {text!r}")
    return value


def json_of(kind: type) -> Callable[[str], Any]:
    """Make a reader of JSON text with a list or a dict in it."""
    name = "an object" if kind is dict else "an array"

    def read(text: str) -> Any:
        try:
            value = payload.decode(text)
        except ValueError as error:
            raise ArgumentTypeError(f"expected JSON with {name}, got {text!r}: {error}") from None
        if not isinstance(value, kind):
            raise ArgumentTypeError(f"expected JSON with {name}, got {text!r}")
        return value

    return read


def moment(text: str) -> datetime | timedelta:
    """Read a time, in the current zone unless it says otherwise, or a duration like 90s."""
    duration = _DURATION.fullmatch(text)
    if duration is not None:
        return timedelta(seconds=float(duration[1]) * _SECONDS[duration[2]])
    try:
        value = parse_datetime(text)
    except ValueError:
        value = None
    if value is None:
        raise ArgumentTypeError(
            f"expected a time like 2026-12-24T18:00 or a duration like 90s, 10m, 2h, got {text!r}"
        )
    return timezone.make_aware(value) if timezone.is_naive(value) else value
