"""The ticks of a schedule that were decided last, with what became of their jobs."""

from datetime import datetime
from uuid import UUID

from django.tasks.exceptions import InvalidTaskBackend

from django_taskq.control import store_of
from django_taskq.models.schedule import Schedule, Tick
from django_taskq.stores.database.clock import storable


def latest_ticks(row: Schedule, count: int) -> list[tuple[Tick, str | None]]:
    """Return the latest ticks and the states of their jobs; None where there is none any more."""
    return ticks_before(row, None, count)


def ticks_before(
    row: Schedule, before: tuple[datetime, int] | None, count: int
) -> list[tuple[Tick, str | None]]:
    """Return the latest ticks that stand behind one of this due instant and key, as above."""
    rows = Tick._default_manager.using(row._state.db).filter(schedule_id=row.pk)
    if before is not None:
        due_at, pk = storable(before[0]), before[1]
        rows = rows.filter(due_at__lte=due_at).exclude(due_at=due_at, pk__gte=pk)
    ticks = list(rows.order_by("-due_at", "-pk")[:count])
    states = _states(row.backend, [tick.job_id for tick in ticks if tick.job_id is not None])
    return [(tick, states.get(tick.job_id)) for tick in ticks]


def state_after(row: Schedule, tick: Tick) -> str | None:
    """Return the state of a tick's job, None where there is none any more."""
    return None if tick.job_id is None else _states(row.backend, [tick.job_id]).get(tick.job_id)


def _states(alias: str, ids: list[UUID]) -> dict[UUID | None, str]:
    if not ids:
        return {}
    try:
        store = store_of(alias)
    except InvalidTaskBackend:
        return {}
    return {UUID(job.id): str(job.state) for job in store.get([str(id) for id in ids])}
