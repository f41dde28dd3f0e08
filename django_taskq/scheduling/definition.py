"""A schedule as people give it, before anything of it is checked or stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

NONE, LAST, ALL = "none", "last", "all"
SKIP = "skip"
# The three of which a schedule has one.
WHEN = ("expression", "every", "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What is enqueued, when, on whose behalf; None leaves a thing to the task or the project.

    One of `expression`, `every` (seconds) and `at` says when. Times without an offset are in the
    schedule's own `timezone`, which is the project's TIME_ZONE where none is given. `catchup` is
    `none`, `last`, `all`, or `all:N`. `options` are those of `using()`.
    """

    name: str
    task: str
    expression: str | None = None
    every: float | None = None
    at: datetime | None = None
    timezone: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter: float = 0.0
    backend: str | None = None
    queue: str | None = None
    tenant: str | None = None
    priority: int | None = None
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    catchup: str = LAST
    overlap: str = SKIP


class Fault(NamedTuple):
    """One thing that is wrong with a definition, in a sentence that names the field."""

    field: str
    told: str
