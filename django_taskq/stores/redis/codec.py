"""How values are written in Redis: moments, lanes, specs, attempts."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Where they stand in a written spec.
_QUEUE, _PRIORITY = 3, 5

_STATES: dict[str, State] = {state.value: state for state in State}
_FAILURES: dict[str, Failure] = {failure.value: failure for failure in Failure}


def write_moment(moment: datetime) -> int:
    """Return a moment in microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(4096)
def read_moment(stored: int | str | bytes) -> datetime:
    """Read what `write_moment` returned. Jobs of one batch have many moments in common."""
    return _EPOCH + timedelta(microseconds=int(stored))


def write_seq(seq: int) -> str:
    """Return the number of a job as it stands in lines: equal ranks go by the order of these."""
    return f"{seq:016d}"


@lru_cache(4096)
def write_lane(lane: Lane, gate: str) -> str:
    """Return a lane behind a gate as it is part of keys; its lengths are those of bytes."""
    queue = lane.queue
    lengths = f"{lane.band}:{len(queue.encode())}:{len(gate.encode())}:"
    return f"{lengths}{queue}{gate}{lane.tenant}"


def write_space(tenant: str, namespace: str) -> str:
    """Return a namespace of XCom values as it is part of keys."""
    return f"{len(tenant.encode())}:{tenant}{namespace}"


def read_space(stored: bytes) -> tuple[str, str]:
    """Return the tenant and the namespace of what `write_space` returned."""
    length, _, names = stored.partition(b":")
    return names[: int(length)].decode(), names[int(length) :].decode()


def write_spec(spec: JobSpec) -> str:
    """Return what of a spec seldom changes, as JSON. Metadata do, and stand beside it."""
    run_after, origin = spec.run_after, spec.origin
    return json.dumps(
        [
            spec.task, spec.args, spec.kwargs, spec.queue, spec.tenant, spec.priority,
            None if run_after is None else write_moment(run_after),
            spec.max_tries, spec.options, spec.gate, spec.task_id, spec.unique_key, spec.trace,
            None if origin is None else _write_origin(origin),
        ],
        separators=(",", ":"),
    )  # fmt: skip


def read_spec(id: str, stored: str | bytes, metadata: str | None) -> JobSpec:
    """Read what `write_spec` returned; what a later release adds to it is passed over."""
    (
        task, args, kwargs, queue, tenant, priority, run_after, max_tries, options, gate, task_id,
        key, trace, origin, *_,
    ) = json.loads(stored)  # fmt: skip
    return JobSpec(
        id, task, args, kwargs, queue, tenant, priority,
        None if run_after is None else read_moment(run_after),
        max_tries, metadata, options, gate, task_id, key,
        trace=trace, origin=None if origin is None else _read_origin(origin),
    )  # fmt: skip


def amend_spec(stored: str, spec: JobSpec) -> str:
    """Return a stored spec with the queue and priority of another; the rest stays as it is."""
    fields = json.loads(stored)
    fields[_QUEUE], fields[_PRIORITY] = spec.queue, spec.priority
    return json.dumps(fields, separators=(",", ":"))


def _write_origin(origin: Origin) -> list[Any]:
    due = origin.scheduled_for
    return [
        origin.run_id, origin.node, origin.map_index, origin.schedule_id,
        None if due is None else write_moment(due),
    ]  # fmt: skip


def _read_origin(stored: list[Any]) -> Origin:
    run_id, node, map_index, schedule_id, due, *_ = stored
    return Origin(
        run_id, node, map_index, schedule_id=schedule_id,
        scheduled_for=None if due is None else read_moment(due),
    )  # fmt: skip


def write_attempts(attempts: tuple[AttemptRecord, ...]) -> str:
    """Return what is kept of a job's attempts, as JSON."""
    return json.dumps([_write_attempt(attempt) for attempt in attempts], separators=(",", ":"))


def read_attempts(stored: str | bytes | None) -> tuple[AttemptRecord, ...]:
    """Read what `write_attempts` returned."""
    return () if stored is None else tuple(_read_attempt(kept) for kept in json.loads(stored))


def _write_attempt(attempt: AttemptRecord) -> list[Any]:
    started_at = attempt.started_at
    return [
        *attempt[:-2],
        None if started_at is None else write_moment(started_at),
        write_moment(attempt.finished_at),
    ]


def _read_attempt(stored: list[Any]) -> AttemptRecord:
    kept = AttemptRecord._make(stored[: len(AttemptRecord._fields)])
    started_at: Any = kept.started_at
    finished_at: Any = kept.finished_at
    return kept._replace(
        failure=read_failure(kept.failure),
        started_at=None if started_at is None else read_moment(started_at),
        finished_at=read_moment(finished_at),
    )


def read_state(stored: str) -> State | str:
    """Return a state by its name; one of a later release stays text."""
    return _STATES.get(stored, stored)


def read_failure(stored: str | None) -> Failure | str | None:
    """Return a failure by its name; one of a later release stays text."""
    return None if stored is None else _FAILURES.get(stored, stored)
