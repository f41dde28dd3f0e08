"""What a supervisor does in the store, each time in a process forked for that alone."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.tasks import task_backends

from django_taskq.control import take_fallen
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.channel import Channel
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.loop import told, until_it_works
from django_taskq.worker.marks import Mark, SharedMarks
from django_taskq.worker.reports import report_canceled, report_lost
from django_taskq.worker.supervision.birth import come_alive
from django_taskq.worker.tally import Tally

logger = logging.getLogger("django_taskq.worker")

# How an errand tells by its exit status that it has set suspects apart.
HAS_SUSPECTS = 3


class Remains(NamedTuple):
    """What a worker of a dead child has left in its store."""

    place: int
    alias: str
    worker_id: str
    started: tuple[Mark, ...]


def bury(
    supervisor_pid: int,
    verbosity: int,
    others: Sequence[Channel],
    remains: Sequence[Remains],
    how: str,
    was_alone: bool,
) -> None:
    """Take back the jobs of a dead child: those that had started, then the rest."""
    come_alive(supervisor_pid, verbosity, others)
    suspects = sum(_bury(each, how, was_alone) for each in remains)
    drop_connections()
    raise SystemExit(HAS_SUSPECTS if suspects else 0)


def beat(
    supervisor_pid: int,
    verbosity: int,
    others: Sequence[Channel],
    aliases: Sequence[str],
    marks: SharedMarks,
) -> None:
    """Renew the leases of a child that cannot, until the supervisor ends this process."""
    come_alive(supervisor_pid, verbosity, others)
    backends: Any = task_backends
    pause = min(backends[alias].settings.lease for alias in aliases) / 6
    places: Sequence[int] = range(len(aliases))
    while places:
        places = [place for place in places if _beat(aliases[place], marks, place)]
        Wakeup().wait(pause)
    drop_connections()


def _bury(remains: Remains, how: str, was_alone: bool) -> int:
    backend: Any = task_backends[remains.alias]
    store = backend.store
    worker_id = remains.worker_id
    fences = [mark.fence for mark in remains.started]
    states: list[State | None] = _persist(
        remains.alias, lambda: store.lose(worker_id, fences, how, was_alone=was_alone)
    )
    released = _persist(remains.alias, lambda: store.forget(worker_id))
    ends = list(zip([mark.id for mark in remains.started], states, strict=True))
    failed = [id for id, state in ends if state is State.FAILED]
    canceled = [id for id, state in ends if state is State.CANCELED]
    _persist(remains.alias, lambda: report_lost(type(backend), store, failed))
    _persist(remains.alias, lambda: report_canceled(type(backend), store, canceled))
    _persist(remains.alias, lambda: take_fallen(store))
    _persist(
        remains.alias, lambda: _count_lost(store, [id for id, state in ends if state is not None])
    )
    suspects = states.count(State.READY)
    logger.warning(
        "Worker %s %s. Of its jobs %d run again alone, %d failed as lost, %d had not started.",
        worker_id, how, suspects, len(failed), released,
    )  # fmt: skip
    return suspects


def _count_lost(store: Store, ids: Sequence[str]) -> None:
    tally = Tally()
    tally.lose_leases(1)
    tally.lose((job.queue, job.task) for job in store.get(ids))
    tally.hand_over(store)


def _persist(alias: str, verb: Callable[[], Any]) -> Any:
    return until_it_works(alias, verb, wait=Wakeup().wait)


def _beat(alias: str, marks: SharedMarks, place: int) -> bool:
    """Renew a lease; return whether there is any more to renew."""
    backend: Any = task_backends[alias]
    worker_id = marks.lease(place).worker_id
    if not worker_id:
        return False
    try:
        is_alive = backend.store.heartbeat(worker_id).is_alive
    except Exception as error:
        logger.warning("%r does not answer to an errand: %s", alias, told(error))
        drop_connections()
        return True
    if is_alive:
        marks.keep(place)
    return bool(is_alive)
