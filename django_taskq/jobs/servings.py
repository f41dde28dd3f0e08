"""Servings: the worker time that tenants were given, within spans of ten minutes."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from django_taskq.jobs.rollups import moment_of, second_of

SPAN = timedelta(minutes=10)
KEPT = timedelta(hours=3)
# Tenants that one worker names at a time; of more, those with a smaller part than one of so many
# are counted together. So however many tenants there are, no write is longer than this.
MOST_NAMED = 1000


class Serving(NamedTuple):
    """What workers gave one tenant, or, where `is_rest`, all those too small to be named.

    `stolen` are attempts of workers that serve others first. `waits` are first starts, and
    `wait_seconds` how long they waited in all.
    """

    tenant: str
    attempts: int = 0
    seconds: float = 0.0
    stolen: int = 0
    waits: int = 0
    wait_seconds: float = 0.0
    is_rest: bool = False

    def plus(self, other: Self) -> Self:
        """Return both together, under the name of this one."""
        return type(self)(
            self.tenant,
            self.attempts + other.attempts,
            self.seconds + other.seconds,
            self.stolen + other.stolen,
            self.waits + other.waits,
            self.wait_seconds + other.wait_seconds,
            self.is_rest,
        )


class Served(NamedTuple):
    """What tenants were given since a moment: all of them together, and those asked for.

    `weight` is what all the named ones among them weigh.
    """

    since: datetime
    seconds: float = 0.0
    weight: int = 0
    by_tenant: Mapping[str, Serving] = {}


REST = Serving("", is_rest=True)


def named(servings: Iterable[Serving]) -> list[Serving]:
    """Return the servings that are written: by tenant, what is too small put together."""
    found = sorted(servings)
    if len(found) <= MOST_NAMED:
        return found
    least = sum(serving.seconds for serving in found) / MOST_NAMED
    kept, rest = [], REST
    for serving in found:
        if serving.seconds > least:
            kept.append(serving)
        else:
            rest = rest.plus(serving)
    return [*kept, rest]


def start_of(now: datetime) -> datetime:
    """Return when the span began in which a moment lies."""
    second = second_of(now)
    return moment_of(second - second % int(SPAN.total_seconds()))
