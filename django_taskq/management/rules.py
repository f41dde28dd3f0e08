"""Tenants and queues on the command line: how their rules are given and printed."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTaskBackend

from django_taskq import control, rulings
from django_taskq.jobs.limits import check_max_running
from django_taskq.jobs.rate import check_rate
from django_taskq.management import tables
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.models import Queue, Tenant
from django_taskq.standings import Standing, TenantStanding

MOST_LINES = 50
NONE = "none"

_DEPTHS = ("ready", "scheduled", "deferred", "running")
_COLUMNS: dict[type, tuple[str, ...]] = {
    Tenant: ("name", "weight", "max_running", "max_rate", "paused"),
    Queue: ("name", "max_running", "paused"),
}


def add_backends(parser: ArgumentParser) -> None:
    """Let the caller name the aliases whose rules the command is about."""
    parser.add_argument(
        "--backend",
        action="append",
        metavar="ALIAS",
        dest="backends",
        help="An alias in TASKS, for the database whose rows count for it; may be repeated. "
        "Default: every database with durable jobs.",
    )


def add_limit(parser: ArgumentParser, read: Callable[[str], int]) -> None:
    """Let the caller say how many lines a table may have."""
    parser.add_argument(
        "--limit", type=read, default=MOST_LINES, metavar="N",
        help="Lines of each table, most waiting first (50). JSON has all.",
    )  # fmt: skip


def or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make a reader that takes `none` too."""
    return lambda text: None if text.lower() == NONE else read(text)


def max_running(text: str) -> int:
    """Read a cap."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text
    return int(_checked(value, check_max_running(value)))


def max_rate(text: str) -> str:
    """Read a rate."""
    return str(_checked(text, check_rate(text)))


def wanted_places(given: Sequence[str] | None) -> dict[str, list[str]]:
    """Return the databases of the aliases that were named, or all, each with the durable ones.

    Raise CommandError.
    """
    durable = control.durable_aliases()
    places: dict[str, list[str]] = {} if given else {name: [] for name in rulings.databases()}
    for alias in dict.fromkeys(given or durable):
        held = places.setdefault(_database_of(alias), [])
        if alias in durable:
            held.append(alias)
    for database in places:
        obstacle = rulings.find_obstacle(database)
        if obstacle is not None:
            raise CommandError(obstacle, returncode=CANNOT)
    return places


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a row refuses into sentences of the command."""
    try:
        yield
    except ValidationError as error:
        told = " ".join(
            f"{field}: {sentence}"
            for field, sentences in error.message_dict.items()
            for sentence in sentences
        )
        raise CommandError(tables.clean(told), returncode=WRONG) from error


def columns_of(kind: type[Tenant | Queue]) -> tuple[str, ...]:
    """Return the header of a list, without the database."""
    return tuple(name.replace("_", " ") for name in (*_COLUMNS[kind], *_DEPTHS))


def row_of(standing: Standing) -> tuple[Any, ...]:
    """Return how a tenant or queue stands as a line of a list, in the order of `columns_of`."""
    kind = Tenant if isinstance(standing, TenantStanding) else Queue
    return (*(getattr(standing, name) for name in _COLUMNS[kind]), *standing.depth)


def value_of(standing: Standing) -> dict[str, Any]:
    """Return how a tenant or queue stands as JSON has it."""
    return {
        **{name: value for name, value in standing._asdict().items() if name != "depth"},
        **standing.depth._asdict(),
    }


def ruled(row: Tenant | Queue, database: str, note: str) -> dict[str, Any]:
    """Return a row as a command tells of it once it was written."""
    named = {name: getattr(row, name) for name in _COLUMNS[type(row)]}
    return {**named, "database": database, "note": note}


def cut(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], str]:
    """Return the first rows, and a line that tells how many more there are, if any."""
    left = len(rows) - limit
    if left <= 0:
        return rows, ""
    return rows[:limit], f"\nand {left} more; --limit shows more, --format json all."


def _checked(value: Any, wrong: str | None) -> Any:
    if wrong is not None:
        raise ArgumentTypeError(f"{wrong}; {NONE} takes the limit away")
    return value


def _database_of(alias: str) -> str:
    if alias not in task_backends:
        raise CommandError(
            f"--backend: expected one of {', '.join(task_backends)}, got {alias!r}, which TASKS "
            "has not.",
            returncode=WRONG,
        )
    try:
        return control.database_of(alias)
    except InvalidTaskBackend as error:
        raise CommandError(f"--backend: {error}", returncode=WRONG) from error
