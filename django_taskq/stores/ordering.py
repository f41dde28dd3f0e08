"""The order in which stores answer."""

from collections.abc import Iterable

from django_taskq.jobs.change import Change
from django_taskq.jobs.record import JobRecord


def by_id[T: (JobRecord, Change)](ids: Iterable[str], found: Iterable[T]) -> list[T]:
    """Put what was found into the order that was asked for."""
    known = {item.id: item for item in found}
    return [known[id] for id in ids if id in known]
