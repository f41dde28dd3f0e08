"""A stored job as a read-only value."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django_taskq.jobs import payload
from django_taskq.jobs.attempt import AttemptRecord, errors_in
from django_taskq.jobs.claim import TryError
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.states import ENDED, Failure, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a running job says it is."""

    done: float
    total: float | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """Everything that a store knows of one job; payloads are JSON text.

    `errors` has one entry for each failed try that is kept. `attempts` are filled by
    `Store.history` and `get_job`, and empty elsewhere.
    """

    seq: int
    id: str
    backend: str
    task: str
    args: str
    kwargs: str
    queue: str
    tenant: str
    priority: int
    state: State | str
    failure: Failure | str | None
    reason: str | None
    attempt: int
    tries: int
    lost: int
    max_tries: int | None
    run_after: datetime | None
    enqueued_at: datetime
    eligible_at: datetime | None
    due_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    last_attempted_at: datetime | None
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    worker_id: str | None
    worker_ids_json: str | None
    result: str | None
    metadata_json: str | None
    progress_json: str | None
    options: str | None
    task_id: str | None = None
    parked_for: str | None = None
    gate: str = NO_GATE
    trace: str | None = None
    run_id: str | None = None
    node: str | None = None
    map_index: int | None = None
    schedule_id: int | None = None
    scheduled_for: datetime | None = None
    is_blocked: bool = False
    blocked_for: str | None = None
    trigger_rule: str | None = None
    errors: tuple[TryError, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()

    def with_attempts(self, attempts: tuple[AttemptRecord, ...]) -> "JobRecord":
        """Return the record with what is kept of its attempts, and their errors."""
        if not attempts:
            return self
        return replace(self, attempts=attempts, errors=errors_in(attempts))

    @property
    def is_ended(self) -> bool:
        """Whether the job has come to its end."""
        return self.state in ENDED

    @property
    def wait(self) -> timedelta | None:
        """How long the job stood ready before it first ran.

        Unknown once it has been ready again: `eligible_at` tells of the last time.
        """
        if self.started_at is None or self.eligible_at is None:
            return None
        waited = self.started_at - self.eligible_at
        return waited if waited >= timedelta(0) else None

    @property
    def worker_ids(self) -> list[str]:
        """The workers that started the job, one entry an attempt."""
        return list(payload.decode(self.worker_ids_json or "[]"))

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the job; keys that start with an underscore are hidden."""
        shown: dict[str, Any] = visible(payload.decode(self.metadata_json or "{}"))
        return shown

    @property
    def progress(self) -> Progress | None:
        """What the job last said of its progress."""
        if self.progress_json is None:
            return None
        done, total, message = payload.decode(self.progress_json)
        return Progress(done=done, total=total, message=message)


def visible(metadata: Any) -> Any:
    """Return metadata without the keys that start with an underscore; no dict stays as it is."""
    if not isinstance(metadata, dict):
        return metadata
    return {key: value for key, value in metadata.items() if not key.startswith("_")}


def visible_options(options: Any) -> Any:
    """Return the options of a job with what is visible of the metadata among them."""
    if not isinstance(options, dict) or "metadata" not in options:
        return options
    return {**options, "metadata": visible(options["metadata"])}
