"""What an importer finds: each schedule of another package, or why it cannot be one of ours."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.definition import Definition


class Found(NamedTuple):
    """A schedule as the other package has it.

    `obstacle` says why it has no counterpart here, `note` what of it has none.
    """

    name: str
    definition: Definition | None = None
    is_enabled: bool = True
    obstacle: str | None = None
    note: str | None = None


class NoCounterpart(Exception):
    """A schedule of another package does what no schedule here does; its text says what."""


type Read = Callable[[Any], Found]


def read_all(model: type[Any], read: Read, name_of: Callable[[Any], str]) -> Iterator[Found]:
    """Read every row of a table, each by itself."""
    for row in model._default_manager.order_by("pk"):
        try:
            yield read(row)
        except NoCounterpart as error:
            yield Found(name_of(row), obstacle=str(error))


def model_of(app: str, name: str, package: str) -> type[Any]:
    """Return a model of another package. Raise InvalidSchedule where it is not installed."""
    try:
        found: type[Any] = apps.get_model(app, name)
    except LookupError:
        raise InvalidSchedule(
            f"--from: expected {package} among INSTALLED_APPS with the model {app}.{name}, got "
            "none. Its tables are read while it is still installed; take it out afterwards."
        ) from None
    return found
