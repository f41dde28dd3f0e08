"""A run of a pipeline: what became of its jobs, and what can be done about them."""

from collections.abc import Iterable
from time import monotonic

from asgiref.sync import sync_to_async
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS

from django_taskq import control
from django_taskq.exceptions import InvalidPipeline, RunDoesNotExist, WaitTimeout
from django_taskq.jobs.durations import seconds_to_wait
from django_taskq.jobs.graph import Graph
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.run import OVER, RunGraph, RunStatus, status_of, tally
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.pipelines.reading import RunJobs, name_of, read_jobs
from django_taskq.pipelines.results import Results
from django_taskq.results import result_of

# How many jobs a wait is for at a time.
MOST_AWAITED = 100
# How often a cancel looks again for jobs that came meanwhile.
MOST_ROUNDS = 10


class PipelineRun:
    """What was known of a run when it was enqueued, found or last refreshed."""

    def __init__(self, id: str, backend: str, results: Results, graph: Graph | None = None) -> None:
        self.id = id
        self.backend = backend
        self.results = results
        self._graph = graph
        self._jobs: RunJobs | None = None

    def __repr__(self) -> str:
        return f"<PipelineRun {self.id} {self.status}>"

    @property
    def status(self) -> RunStatus:
        """How the run stands, by the states of its jobs."""
        return RunStatus.READY if self._jobs is None else status_of(tally(self._jobs.records))

    @property
    def is_finished(self) -> bool:
        """Whether none of its jobs will run any more, unless one is retried."""
        return self.status in OVER

    def refresh(self) -> None:
        """Read the jobs of the run anew. Raise RunDoesNotExist where none is left."""
        jobs = read_jobs(control.store_of(self.backend), self.id)
        if not jobs.records:
            raise RunDoesNotExist(
                f"There is no job of the run {self.id} on the backend {self.backend!r}: it was "
                "never stored, or its jobs were deleted after their retention."
            )
        self._jobs = jobs
        self.results = Results((name_of(record), result_of(record)) for record in jobs.records)

    def wait(self, timeout: control.Timeout = None) -> "PipelineRun":
        """Block until the run is finished; refresh it and return it.

        `timeout` is in seconds or a timedelta, None or infinity waits for ever. Raise WaitTimeout
        when it is over, RunDoesNotExist where the jobs are gone.
        """
        store = control.store_of(self.backend)
        seconds = seconds_to_wait(timeout)
        deadline = None if seconds is None else monotonic() + seconds
        while True:
            self.refresh()
            if self.is_finished:
                return self
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(f"Run {self.id} has not ended within {seconds} seconds.")
            awaited = [record.id for record in self._read() if _is_open(record)]
            store.wait_ended(awaited[-MOST_AWAITED:], left)

    def cancel(self) -> int:
        """Cancel what waits and ask what runs to stop; return how many jobs that were."""
        canceled: set[str] = set()
        for _ in range(MOST_ROUNDS):
            self.refresh()
            ids = [
                record.id
                for record in self._read()
                if record.state not in ENDED and record.id not in canceled
            ]
            if not ids:
                break
            changes = control.cancel_known(ids, self.backend)
            canceled |= {item.id for item in changes if item.is_asked or item.before != item.after}
        self.refresh()
        return len(canceled)

    def retry_failed(self) -> int:
        """Run what failed again, and with it what waits for that; return how many jobs failed."""
        self.refresh()
        ids = [record.id for record in self._read() if _has_failed(record)]
        changes = control.retry_many(ids, self.backend) if ids else []
        self.refresh()
        return sum(change.before != change.after for change in changes)

    def rerun(self, node: str, *, downstream: bool = True) -> "PipelineRun":
        """Enqueue a step once more, with all that comes after it or by itself, as a new run.

        What it gets from steps before it are their results in this run. Raise InvalidPipeline
        where the run has no such step.
        """
        from django_taskq.pipelines.again import enqueue_again

        self.refresh()
        if node not in self.results.names:
            raise InvalidPipeline(
                f"Expected the name of a step, got {node!r}. The run has "
                f"{', '.join(each.name for each in self.graph().nodes)}."
            )
        return get_run(enqueue_again(self, node, has_downstream=downstream), self.backend)

    async def arefresh(self) -> None:
        """Read the jobs of the run anew as `refresh` does."""
        await sync_to_async(self.refresh)()

    async def acancel(self) -> int:
        """Cancel the run as `cancel` does."""
        return await sync_to_async(self.cancel)()

    async def aretry_failed(self) -> int:
        """Run what failed again as `retry_failed` does."""
        return await sync_to_async(self.retry_failed)()

    async def arerun(self, node: str, *, downstream: bool = True) -> "PipelineRun":
        """Enqueue a step once more as `rerun` does."""
        return await sync_to_async(self.rerun)(node, downstream=downstream)

    async def agraph(self) -> RunGraph:
        """Return the graph of the run as `graph` does."""
        return await sync_to_async(self.graph)()

    def graph(self) -> RunGraph:
        """Return the steps and what waits for what, as data, as of the last refresh."""
        if self._jobs is None:
            self.refresh()
        assert self._jobs is not None
        return self._jobs.graph(self._graph)

    @property
    def jobs(self) -> list[JobRecord]:
        """The jobs as stored, as of the last refresh."""
        if self._jobs is None:
            self.refresh()
        return list(self._read())

    def _read(self) -> Iterable[JobRecord]:
        return () if self._jobs is None else self._jobs.records


def get_run(id: str, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> PipelineRun:
    """Return a run by its id. Raise RunDoesNotExist."""
    parsed = parse_id(id)
    if parsed is None:
        raise RunDoesNotExist(f"Expected the id of a run, got {id!r}.")
    run = PipelineRun(parsed, backend, Results(()))
    run.refresh()
    return run


async def aget_run(id: str, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> PipelineRun:
    """Return a run by its id as `get_run` does."""
    return await sync_to_async(get_run)(id, backend)


def _is_open(record: JobRecord) -> bool:
    return record.state not in ENDED and not record.is_blocked


def _has_failed(record: JobRecord) -> bool:
    if record.state == State.CANCELED:
        return record.failure == Failure.DEPENDENCY
    return record.state == State.FAILED
