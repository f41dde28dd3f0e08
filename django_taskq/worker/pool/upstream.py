"""How a job in a child reaches the jobs that its parent keeps in memory."""

import threading
from collections.abc import Sequence
from itertools import count
from time import monotonic
from typing import Any, ClassVar, NoReturn

from django_taskq.exceptions import DuplicateJob, InvalidPipeline, TaskqError
from django_taskq.jobs.change import Change
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.unique import Holder
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.worker.pool import codec
from django_taskq.worker.pool.forks import forget_in_forks
from django_taskq.worker.pool.wire import Wire
from django_taskq.worker.pool.xcoms import ParentXComs

LONGEST_ANSWER = 60.0
LOOK_EVERY = 0.05


class Upstream:
    """Asks the parent and waits for its answers. Safe from any thread but the listener's."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = count(1)
        self._waiting: dict[int, tuple[threading.Event, list[Any]]] = {}

    def ask(self, alias: str, verb: str, values: Sequence[Any]) -> Any:
        """Call a verb of the parent's store.

        Raise TaskqError where that does not succeed, DuplicateJob or InvalidPipeline where that
        is why.
        """
        number = next(self._numbers)
        is_here, answer = self._waiting[number] = threading.Event(), []
        try:
            self._wire.send(["ask", number, alias, verb, values])
            if not is_here.wait(LONGEST_ANSWER):
                raise TaskqError(
                    f"The process that holds the jobs of {alias!r} has not answered within "
                    f"{LONGEST_ANSWER:g} seconds."
                )
        finally:
            del self._waiting[number]
        kind, value = answer
        if kind == "duplicate":
            raise DuplicateJob(*value)
        if kind == "invalid":
            raise InvalidPipeline(value)
        if kind == "refused":
            raise TaskqError(value)
        return value

    def hear(self, kind: str, number: int, value: Any) -> None:
        """Take an answer, in the listener's thread."""
        is_here, answer = self._waiting.get(number, (threading.Event(), []))
        answer.extend((kind, value))
        is_here.set()


class _Here:
    """Whether this process is the child of a pool."""

    upstream: Upstream | None = None

    @classmethod
    def forget(cls) -> None:
        cls.upstream = None


def enter_child(upstream: Upstream) -> None:
    """Make this process the child of a pool. What a job forks from it is none."""
    _Here.upstream = upstream
    forget_in_forks(_Here.forget)


def find_parent_store(alias: str, options: Options) -> Store | None:
    """Return the store of an alias in the parent, None where this process is no child."""
    upstream = _Here.upstream
    return None if upstream is None else ParentStore(alias, options, upstream)


def _refuse(store: "ParentStore", *args: Any, **kwargs: Any) -> NoReturn:
    raise TaskqError(
        f"The jobs of {store.alias!r} live in the process that started this one. From inside a "
        "job of a process pool they can be enqueued, read, waited for, canceled, retried, "
        "requeued and deleted, and XCom values pushed and pulled; ask for anything else there."
    )


class ParentStore(Store):
    """The store of the parent as far as a job may need it; a worker finds nothing here."""

    is_local: ClassVar[bool] = True

    def __init__(self, alias: str, options: Options, upstream: Upstream) -> None:
        super().__init__(alias, options)
        self._upstream = upstream
        self.xcoms = ParentXComs(self._ask)

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, in the parent."""
        return [codec.inserted.read(item) for item in self._ask("insert", list(specs))]

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that hold these keys."""
        held: dict[str, Any] = self._ask("holders", list(unique_keys))
        return {key: codec.holders.read(item) for key, item in held.items()}

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids."""
        return [codec.records.read(item) for item in self._ask("get", list(ids))]

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these ids, each with its attempts."""
        return [codec.records.read(item) for item in self._ask("history", list(ids))]

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each known job."""
        return [codec.inserted.read(item) for item in self._ask("requeue", list(ids))]

    def delete(self, ids: Sequence[str]) -> int:
        """Delete ended jobs."""
        return int(self._ask("delete", list(ids)))

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs and ask running ones to stop."""
        return self._change("cancel", ids)

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY."""
        return self._change("retry", ids)

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY."""
        return self._change("run_now", ids)

    def wait_ended(self, ids: Sequence[str], timeout: float | None) -> bool:
        """Look at the jobs again and again, until all have ended."""
        deadline = None if timeout is None else monotonic() + timeout
        pause = threading.Event()
        while not all(record.is_ended or record.is_blocked for record in self.get(ids)):
            if deadline is not None and monotonic() >= deadline:
                return False
            pause.wait(LOOK_EVERY)
        return True

    def close(self) -> None:
        """Do nothing: the store is the parent's."""

    def _change(self, verb: str, ids: Sequence[str]) -> list[Change]:
        return [codec.changes.read(item) for item in self._ask(verb, list(ids))]

    def _ask(self, verb: str, values: Sequence[Any]) -> Any:
        return self._upstream.ask(self.alias, verb, values)

    find: Any = _refuse
    runs: Any = _refuse
    amend: Any = _refuse
    expand: Any = _refuse
    edges: Any = _refuse
    catch_up: Any = _refuse
    claim: Any = _refuse
    finish: Any = _refuse
    release: Any = _refuse
    lose: Any = _refuse
    opens_in: Any = _refuse
    has_suspects: Any = _refuse
    note: Any = _refuse
    join: Any = _refuse
    heartbeat: Any = _refuse
    cancels_asked: Any = _refuse
    held: Any = _refuse
    forget: Any = _refuse
    refresh: Any = _refuse
    promote: Any = _refuse
    reap: Any = _refuse
    prune: Any = _refuse
    insights: Any = _refuse
    arm: Any = _refuse
    disarm: Any = _refuse
    wait: Any = _refuse
