"""A TASKS alias that exists in memory alone, so that no worker but ours claims its jobs."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from django.tasks import task_backends

PREFIX = "taskq-bench-"

# Options that ask the project for something only its own calls have.
_LEFT_OUT = frozenset({"TENANT", "ENQUEUE_ON_COMMIT"})


class PrivateAlias(NamedTuple):
    """A name that nobody else has, and the alias in TASKS whose entry it copies."""

    name: str
    source: str


def new_alias(source: str) -> PrivateAlias:
    """Make up a private alias that copies an alias of TASKS."""
    return PrivateAlias(f"{PREFIX}{secrets.token_hex(6)}", source)


@contextmanager
def installed(alias: PrivateAlias) -> Iterator[None]:
    """Have every thread of this process know the alias while the block runs.

    It takes any queue name. The setting TASKS itself stays as it is.
    """
    backends: Any = task_backends
    before = backends.settings
    entry = before[alias.source]
    options = {key: entry["OPTIONS"][key] for key in entry.get("OPTIONS", {}).keys() - _LEFT_OUT}
    backends.settings = {**before, alias.name: {**entry, "QUEUES": [], "OPTIONS": options}}
    try:
        yield
    finally:
        backends.settings = before
        with suppress(AttributeError):
            del backends[alias.name]
