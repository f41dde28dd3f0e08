"""Short words for what the tests of stores do all the time."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections

from django_taskq.jobs.claim import Claim, ClaimRequest, TryError
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.workers import WorkerInfo
from django_taskq.stores.base import Store
from tests.stores.places import Place

TASK = "tests.app.tasks.noop"
WORKER = "host:1:worker"
OTHER = "host:2:worker"
KILLED = "was killed by signal 11 (SIGSEGV)"


def spec(**values: Any) -> JobSpec:
    """Return a job to insert."""
    return JobSpec(**{"id": new_id(), "task": TASK, **values})


def insert(store: Store, **values: Any) -> str:
    """Insert one job and return its id."""
    return store.insert([spec(**values)])[0].id


def insert_many(store: Store, count: int, **values: Any) -> list[str]:
    """Insert jobs that are alike and return their ids."""
    return [inserted.id for inserted in store.insert([spec(**values) for _ in range(count)])]


def insert_later(store: Store, seconds: float = 3600, **values: Any) -> str:
    """Insert a job for a time to come."""
    return insert(store, run_after=now_of(store) + timedelta(seconds=seconds), **values)


def now_of(store: Store) -> datetime:
    """Return the time on the store's clock."""
    return store.insights().now


def claim(store: Store, limit: int = 1, worker: str = WORKER, **values: Any) -> list[Claim]:
    """Claim jobs for a worker."""
    return store.claim(ClaimRequest(worker, limit, **values))


def claim_one(store: Store, worker: str = WORKER) -> Claim:
    """Claim the one job that must be there."""
    (claimed,) = claim(store, 1, worker)
    return claimed


def record(store: Store, id: str) -> JobRecord:
    """Return the stored job."""
    (found,) = store.get([id])
    return found


def state(store: Store, id: str) -> State | str:
    """Return the state of the stored job."""
    return record(store, id).state


def join(store: Store, worker: str = WORKER, **values: Any) -> None:
    """Enter a worker."""
    store.join(WorkerInfo(worker, worker.rpartition(":")[0], "host", 1, **values))


def lose(store: Store, *claims: Claim, was_alone: bool = False) -> list[State | None]:
    """Take back what one worker had started when it died."""
    fences = [Fence(claimed.seq, claimed.attempt) for claimed in claims]
    return store.lose(claims[0].worker_id, fences, KILLED, was_alone=was_alone)


def outcome(claim: Claim, verdict: Verdict, **values: Any) -> Outcome:
    """Return how a claim's function ended, in the way that a worker tells it."""
    known = json.loads(claim.worker_ids or "[]")
    told: dict[str, Any] = {
        "started_at": claim.claimed_at,
        "finished_at": claim.claimed_at + timedelta(milliseconds=5),
        "worker_ids": json.dumps([*known, claim.worker_id]),
        "is_first_attempt": claim.attempt == 1,
    }
    return Outcome(claim.seq, claim.attempt, verdict, **(told | values))


def success(claim: Claim, result: str = "null", **values: Any) -> Outcome:
    """Return the outcome of a function that returned."""
    return outcome(claim, Verdict.SUCCEEDED, result=result, **values)


def error_of(text: str) -> TryError:
    """Return the error of a try."""
    return TryError("builtins.ValueError", f"Traceback\nValueError: {text}\n")


def failure(claim: Claim, text: str = "no", **values: Any) -> Outcome:
    """Return the outcome of a function that raised, in the last try."""
    told: dict[str, Any] = {"failure": Failure.ERROR, "reason": text, "error": error_of(text)}
    return outcome(claim, Verdict.FAILED, **(told | values))


def retry(claim: Claim, delay: float = 0.0, text: str = "no", **values: Any) -> Outcome:
    """Return the outcome of a function that raised and has tries left."""
    told: dict[str, Any] = {"delay": delay, "reason": text, "error": error_of(text)}
    return outcome(claim, Verdict.RETRY, **(told | values))


def finish(store: Store, *outcomes: Outcome, worker: str = WORKER) -> list[State | None]:
    """Write outcomes for a worker."""
    return store.finish(worker, outcomes)


def bring(place: Place, store: Store, wanted: State) -> str:
    """Insert a job and bring it into a state, by verbs where there are any."""
    if wanted is State.SCHEDULED:
        return insert_later(store)
    # In a queue of its own, so that a claim meets this job and no other.
    queue = new_id()
    id = insert(store, queue=queue)
    if wanted in (State.DEFERRED, State.SKIPPED):
        place.force(store, id, wanted)
    elif wanted is State.CANCELED:
        store.cancel([id])
    elif wanted is not State.READY:
        (claimed,) = claim(store, queues=(queue,))
        if wanted is State.SUCCESSFUL:
            finish(store, success(claimed))
        elif wanted is State.FAILED:
            finish(store, failure(claimed))
    assert state(store, id) == wanted
    return id


def past(seconds: float = 60) -> datetime:
    """Return a moment that has gone by on every clock."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Thread:
    """A thread whose result is awaited; it leaves no database connection open."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self, timeout: float = 30.0) -> Any:
        """Wait for the end; return what the function returned or raise what it raised."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"A thread did not end within {timeout:g} s."
        if self._error is not None:
            raise self._error
        return self._result

    def is_running(self) -> bool:
        """Tell whether the function has not ended yet."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self._error = error
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()
