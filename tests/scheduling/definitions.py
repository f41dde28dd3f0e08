"""Definitions that tests start from."""

from typing import Any

from django_taskq.models import Schedule
from django_taskq.scheduling import edits
from django_taskq.scheduling.definition import Definition

ECHO = "tests.app.tasks.echo"


def definition(**given: Any) -> Definition:
    """Return a definition without faults, every minute, with what is given instead."""
    values: dict[str, Any] = {"name": "nightly", "task": ECHO, "timezone": "UTC", **given}
    if not {"expression", "every", "at"} & given.keys():
        values["expression"] = "* * * * *"
    return Definition(**values)


def added(alias: str = "default", **given: Any) -> Schedule:
    """Store a schedule of an alias."""
    return edits.add(definition(backend=alias, **given))
