"""What is read of each backend for its metrics."""

import os
import socket
from collections.abc import Iterable
from typing import NamedTuple

from django_taskq.control import database_of
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.rollups import Span
from django_taskq.punctuality import Punctuality, punctuality_in
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store


class Reading(NamedTuple):
    """The numbers of one backend. `process` names this process where they are its alone."""

    insights: Insights
    counts: list[Counts]
    punctuality: Punctuality | None
    process: str | None


def read(aliases: Iterable[str], timeout: float) -> dict[str, Reading | NoAnswer]:
    """Read backends all at once; one that does not answer within the seconds keeps none waiting."""
    return ask(list(aliases), _read, timeout)


def _read(store: Store) -> Reading:
    insights = store.insights()
    counts = [rollup.counts for rollup in store.rollups(Span.EVER)]
    if store.is_local:
        return Reading(insights, counts, None, f"{socket.gethostname()}:{os.getpid()}")
    return Reading(
        insights, counts, punctuality_in(database_of(store.alias), store.alias, insights.now), None
    )
