"""Claims, outcomes, specs and records as they are read from the wire.

Writing needs nothing of this: named tuples are lists already, and the wire writes datetimes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.change import Change
from django_taskq.jobs.claim import Claim, TryError
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.unique import Entry, Holder, OnDuplicate
from django_taskq.jobs.xcom import Pusher, XCom, XComRecord

type Reader = Callable[[Any], Any]


def _errors(value: list[list[str]]) -> tuple[TryError, ...]:
    return tuple([TryError(*item) for item in value])


def _state(value: str) -> State | str:
    return State(value) if value in State else value


def _failure(value: str) -> Failure | str:
    return Failure(value) if value in Failure else value


class Codec[T]:
    """Reads values of one class from the list of their fields."""

    def __init__(self, make: Callable[..., T], names: tuple[str, ...], **readers: Reader) -> None:
        self._make = make
        self._readers = [(names.index(name), reader) for name, reader in readers.items()]

    def read(self, values: list[Any]) -> T:
        """Return the value; None stays None in every field."""
        for index, reader in self._readers:
            if values[index] is not None:
                values[index] = reader(values[index])
        return self._make(*values)


_time = datetime.fromisoformat
_RECORD = tuple(JobRecord.__dataclass_fields__)

attempts = Codec(
    AttemptRecord,
    AttemptRecord._fields,
    failure=_failure,
    started_at=_time,
    finished_at=_time,
)
claims = Codec(
    Claim,
    Claim._fields,
    enqueued_at=_time,
    run_after=_time,
    claimed_at=_time,
    started_at=_time,
    scheduled_for=_time,
    errors=_errors,
)
xcoms = Codec(XCom, XCom._fields, pusher=lambda value: Pusher(*value))
xcom_records = Codec(XComRecord, XComRecord._fields, pushed_at=_time, expires_at=_time)
outcomes = Codec(
    Outcome,
    Outcome._fields,
    verdict=Verdict,
    started_at=_time,
    finished_at=_time,
    failure=Failure,
    error=lambda value: TryError(*value),
    first_started_at=_time,
    pushes=lambda values: tuple(map(xcoms.read, values)),
)
upstreams = Codec(Upstream, Upstream._fields)
origins = Codec(
    Origin,
    Origin._fields,
    trigger_rule=TriggerRule,
    upstreams=lambda value: tuple(map(upstreams.read, value)),
    scheduled_for=_time,
)
specs = Codec(
    JobSpec, JobSpec._fields, run_after=_time, on_duplicate=OnDuplicate, origin=origins.read
)
inserted = Codec(Inserted, Inserted._fields, enqueued_at=_time, entry=Entry)
holders = Codec(Holder, Holder._fields, state=_state, enqueued_at=_time, eligible_at=_time)
changes = Codec(Change, Change._fields, before=_state, after=_state)
records = Codec(
    lambda *values: JobRecord(**dict(zip(_RECORD, values, strict=True))),
    _RECORD,
    state=_state,
    failure=_failure,
    errors=_errors,
    attempts=lambda values: tuple([attempts.read(item) for item in values]),
    **{
        name: _time
        for name in _RECORD
        if name.endswith("_at") or name in ("run_after", "scheduled_for")
    },
)
