"""Whether jobs get done: workers that live and advance, nothing ready for too long, a store that
answers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from django_taskq.control import database_of
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

MAX_AGE = 300.0
# Longer than SQLite's writers may wait for one another, as the documentation sets them up.
MAX_STALL = 60.0
SILENT = "Redis does not answer: jobs wait in their rows, and who works cannot be told."
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendHealth:
    """The health of one alias; `reasons` says in sentences what is wrong.

    `workers` counts those alive, `stalled` those of them that do not advance.
    """

    alias: str
    reasons: tuple[str, ...] = ()
    workers: int = 0
    stalled: int = 0
    ready: int = 0
    running: int = 0
    oldest_ready_age: timedelta | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Health:
    """The health of several aliases."""

    backends: tuple[BackendHealth, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong with any of them."""
        return all(backend.is_healthy for backend in self.backends)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong, each sentence with its alias in front."""
        return tuple(
            f"{backend.alias}: {reason}" for backend in self.backends for reason in backend.reasons
        )


def value_of(found: Health) -> dict[str, Any]:
    """Return health as JSON has it, ages as timedeltas."""
    return {
        "is_healthy": found.is_healthy,
        "backends": {
            backend.alias: {
                "is_healthy": backend.is_healthy,
                "reasons": backend.reasons,
                "workers": backend.workers,
                "stalled": backend.stalled,
                "ready": backend.ready,
                "running": backend.running,
                "oldest_ready_age": backend.oldest_ready_age,
            }
            for backend in found.backends
        },
    }


def examine(
    aliases: Iterable[str],
    *,
    max_age: float = MAX_AGE,
    max_stall: float = MAX_STALL,
    timeout: float = TIMEOUT,
    host: str | None = None,
) -> Health:
    """Ask the stores of these aliases, all at once, and judge what they answer.

    `max_age`, `max_stall` and `timeout` are in seconds. With a `host` its workers are judged,
    and nothing else.
    """
    answers = ask(list(aliases), _sight, timeout)
    return Health(
        tuple(
            BackendHealth(alias=alias, reasons=(str(answer),))
            if isinstance(answer, NoAnswer)
            else judge(
                alias,
                answer.insights,
                max_age=max_age,
                max_stall=max_stall,
                host=host,
                is_pool=answer.is_pool,
            )
            for alias, answer in answers.items()
        )
    )


def judge(
    alias: str,
    insights: Insights,
    *,
    max_age: float = MAX_AGE,
    max_stall: float = MAX_STALL,
    host: str | None = None,
    is_pool: bool = False,
) -> BackendHealth:
    """Tell from the live numbers of a store whether its jobs get done.

    With a `host`, tell whether its workers do what they should: what waits is no fault of theirs.
    A pool starts its worker with its first job, so that it needs none before.
    """
    known = [worker for worker in insights.workers if host in {None, worker.host}]
    alive = [worker for worker in known if worker.is_alive]
    stalled = [worker for worker in alive if worker.stall.total_seconds() > max_stall]
    age = _age_of(insights.oldest_ready_at, insights.now)
    reasons = list(_stalls(stalled, max_stall))
    if not insights.is_complete:
        # Who works cannot be told, so that nobody is missed.
        reasons = [SILENT, *(_too_old(age, max_age) if host is None else ())]
    elif not is_pool or insights.depth():
        reasons = [*_no_worker(known, insights.now, host), *reasons]
    if host is None and insights.is_complete:
        reasons += [*_unserved(insights, alive), *_too_old(age, max_age)]
    return BackendHealth(
        alias=alias,
        reasons=tuple(reasons),
        workers=len(alive),
        stalled=len(stalled),
        ready=insights.depth(State.READY),
        running=insights.depth(State.RUNNING),
        oldest_ready_age=age,
    )


def find_faults(aliases: Iterable[str], timeout: float = TIMEOUT) -> dict[str, tuple[str, ...]]:
    """Look at what only a running system shows: tables, migrations, leases; in sentences."""
    answers = ask(list(aliases), _faults, timeout)
    return {
        alias: (str(answer),) if isinstance(answer, NoAnswer) else answer
        for alias, answer in answers.items()
    }


class _Sight(NamedTuple):
    """The live numbers of a store, and whether it is a pool of this process."""

    insights: Insights
    is_pool: bool


def _sight(store: Store) -> _Sight:
    return _Sight(store.insights(), store.is_local)


def _faults(store: Store) -> tuple[str, ...]:
    obstacle = store.find_obstacle()
    if obstacle is not None:
        return (obstacle,)
    return (*_unapplied(database_of(store.alias)), *_odd_leases(store))


def _unapplied(database: str) -> Iterable[str]:
    executor = MigrationExecutor(connections[database])
    leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "django_taskq"]
    missing = [migration.name for migration, _ in executor.migration_plan(leaves)]
    if missing:
        yield (
            f"The database {database!r} lacks the migrations {', '.join(missing)}: run "
            f"manage.py migrate --database {database}."
        )


def _odd_leases(store: Store) -> Iterable[str]:
    """Name the workers that were started under another LEASE than the settings have now."""
    wanted = store.options.lease
    for worker in store.insights().workers:
        held = (worker.expires_at - worker.beat_at).total_seconds()
        if worker.is_alive and abs(held - wanted) > 1 + wanted / 10:
            yield (
                f"Worker {worker.id} holds its jobs for {held:.0f} s, while LEASE is "
                f"{wanted:g} s: restart it."
            )


def _no_worker(known: Sequence[WorkerRecord], now: datetime, host: str | None) -> Iterable[str]:
    if any(worker.is_alive for worker in known):
        return
    none = "No worker is alive" if host is None else f"No worker is alive on the host {host!r}"
    if not known:
        yield f"{none}: none has ever reported, or all have stopped."
        return
    last = max(known, key=lambda worker: worker.beat_at)
    silence = (now - last.beat_at).total_seconds()
    yield f"{none}: {last.id}, the last one heard of, is silent for {silence:.0f} s."


def _stalls(stalled: Sequence[WorkerRecord], max_stall: float) -> Iterable[str]:
    """Name each worker that stands still: a healthy one beside it does not take its jobs over."""
    for worker in stalled:
        yield (
            f"Worker {worker.id} (process {worker.pid} on {worker.host}) is alive, but its claim "
            f"loop has not advanced for {worker.stall.total_seconds():.0f} s, more than "
            f"{max_stall:g} s: its database does not answer it, or a job blocks its process."
        )


def _too_old(age: timedelta | None, max_age: float) -> Iterable[str]:
    if age is not None and age.total_seconds() > max_age:
        yield (
            f"The oldest ready job has waited {age.total_seconds():.0f} s, more than {max_age:g} s."
        )


def _unserved(insights: Insights, alive: Sequence[WorkerRecord]) -> Iterable[str]:
    """Name the queues with ready jobs that no live worker takes."""
    if not alive or any(worker.queues is None for worker in alive):
        return
    served = {queue for worker in alive for queue in worker.queues or ()}
    waiting: dict[str, int] = {}
    for lane in insights.lanes:
        if lane.state == State.READY and lane.queue not in served:
            waiting[lane.queue] = waiting.get(lane.queue, 0) + lane.count
    for queue, count in waiting.items():
        yield f"No live worker takes the queue {queue!r}; jobs ready there: {count}."


def _age_of(moment: datetime | None, now: datetime) -> timedelta | None:
    return None if moment is None else max(timedelta(0), now - moment)
