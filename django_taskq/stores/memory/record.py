"""The read-only value of a job, made quickly."""

from typing import Any

from django_taskq.jobs.attempt import errors_in
from django_taskq.jobs.origin import NO_ORIGIN, rule_of
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import waiting_reason
from django_taskq.jobs.states import WAITING
from django_taskq.stores.memory.job import MemoryJob


class _Draft(JobRecord):
    """A record while it is written: it takes values until it becomes a JobRecord.

    The constructor of a frozen dataclass passes every field through object.__setattr__, which
    takes twelve times as long; a result is read once a job.
    """

    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


def make_record(
    job: MemoryJob, backend: str, *, has_errors: bool = True, has_attempts: bool = False
) -> JobRecord:
    """Return a job as a read-only value."""
    spec = job.spec
    draft: Any = object.__new__(_Draft)
    draft.seq = job.seq
    draft.id = spec.id
    draft.backend = backend
    draft.task = spec.task
    draft.args = spec.args
    draft.kwargs = spec.kwargs
    draft.queue = spec.queue
    draft.tenant = spec.tenant
    draft.priority = spec.priority
    draft.state = job.state
    draft.failure = job.failure
    draft.reason = job.reason
    if job.ctx is not None and job.state in WAITING:
        draft.reason = waiting_reason(job.ctx)
    draft.attempt = job.attempt
    draft.tries = job.tries
    draft.lost = job.lost
    draft.max_tries = spec.max_tries
    draft.run_after = spec.run_after
    draft.enqueued_at = job.enqueued_at
    draft.eligible_at = job.eligible_at
    draft.due_at = job.due_at
    draft.claimed_at = job.claimed_at
    draft.started_at = job.started_at
    draft.last_attempted_at = job.last_attempted_at
    draft.finished_at = job.finished_at
    draft.cancel_asked_at = job.cancel_asked_at
    draft.worker_id = job.worker_id
    draft.worker_ids_json = job.worker_ids
    draft.result = job.result
    draft.metadata_json = job.metadata
    draft.progress_json = job.progress
    draft.options = spec.options
    draft.task_id = spec.task_id
    draft.parked_for = None
    draft.gate = spec.gate
    draft.trace = spec.trace
    _add_origin(draft, job)
    draft.errors = errors_in(job.attempts) if has_errors and job.attempts else ()
    draft.attempts = job.attempts if has_attempts else ()
    draft.__class__ = JobRecord
    record: JobRecord = draft
    return record


def _add_origin(draft: Any, job: MemoryJob) -> None:
    origin = job.spec.origin or NO_ORIGIN
    draft.run_id = origin.run_id
    draft.node = origin.node
    draft.map_index = origin.map_index
    draft.schedule_id = origin.schedule_id
    draft.scheduled_for = origin.scheduled_for
    draft.is_blocked = job.blocked_for is not None
    draft.blocked_for = job.blocked_for
    draft.trigger_rule = rule_of(origin)
