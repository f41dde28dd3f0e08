"""What goes over the wire comes out as it went in."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

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
from django_taskq.worker.pool import codec
from django_taskq.worker.pool.wire import _encode

AT = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ELSEWHERE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
ERRORS = (TryError("builtins.ValueError", "Traceback\n\ud800"), TryError("a.B", ""))

CLAIM = Claim(
    1, "id", "a.task", '["é"]', "{}", "mail", "acme", 5, 2, 1, 0, None, "w1", AT, ELSEWHERE, AT,
    None, '["w0"]', '{"a": 1}', None, None, '{"b": "2"}', "run", "node", 3, AT, "nightly", 12.5,
    ERRORS,
)  # fmt: skip
XCOM = XCom("acme", "default", "k", '["é"]', 1.5, Pusher(1, 2, "id", "step"))
ATTEMPTS = (
    AttemptRecord(1, "w0", "retry", None, "no", "a.B", "tb", "said \ud800", AT, AT),
    AttemptRecord(2, "w1", "lost", Failure.LOST, "died", "a.C", "died", None, None, AT),
    AttemptRecord(3, "w1", "novel", "novel", None, None, None, None, AT, AT),
)
ORIGIN = Origin("run", "node", 3, TriggerRule.ALL_DONE, (Upstream("id"),), 7, ELSEWHERE)
RECORD = JobRecord(
    **dict.fromkeys(JobRecord.__dataclass_fields__)
    | {
        "seq": 1, "id": "id", "state": State.FAILED, "failure": Failure.LOST, "enqueued_at": AT,
        "run_after": ELSEWHERE, "finished_at": AT, "errors": ERRORS,
        "attempts": (),
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (codec.claims, CLAIM),
        (codec.claims, CLAIM._replace(errors=(), run_after=None, started_at=AT)),
        (codec.outcomes, Outcome(1, 2, Verdict.SUCCEEDED, AT, AT, '["w1"]', "null")),
        (
            codec.outcomes,
            Outcome(1, 2, Verdict.RETRY, error=ERRORS[0], delay=1.5, metadata="{}", progress="[]"),
        ),
        (codec.outcomes, Outcome(1, 2, Verdict.SUCCEEDED, pushes=(XCOM, XCOM))),
        (codec.xcoms, XCOM),
        (codec.xcoms, XCOM._replace(pusher=None, ttl=None)),
        (codec.xcom_records, XComRecord("", "n", "k", "1", AT, None, None, None, None)),
        (codec.xcom_records, XComRecord("", "n", "k", "1", AT, AT, "id", 2, "step")),
        (codec.outcomes, Outcome(1, 2, Verdict.FAILED, failure=Failure.REJECTED, reason="no")),
        (codec.specs, JobSpec("id", "a.task", run_after=ELSEWHERE, metadata="{}")),
        (codec.specs, JobSpec("id", "a.task")),
        (codec.specs, JobSpec("id", "a.task", origin=ORIGIN)),
        (codec.specs, JobSpec("id", "a.task", task_id="a", on_duplicate=OnDuplicate.RETURN)),
        (codec.inserted, Inserted("id", AT)),
        (codec.inserted, Inserted("id", AT, Entry.REPLACED)),
        (codec.holders, Holder("id", State.READY, AT, None, True)),
        (codec.changes, Change("id", State.READY, State.CANCELED, is_asked=True)),
        (codec.changes, Change("id", None, None)),
        (codec.changes, Change("id", State.FAILED, State.FAILED, held_by="other")),
        (codec.records, RECORD),
        (codec.records, replace(RECORD, attempts=ATTEMPTS)),
        (codec.records, replace(RECORD, state="LATER", failure="novel")),
    ],
)
def test_a_value_survives_the_wire(reader: Any, value: Any) -> None:
    read = reader.read(json.loads(_encode(value)))
    assert read == value
    assert type(read) is type(value)


def test_what_has_no_form_on_the_wire_is_refused() -> None:
    with pytest.raises(TypeError, match="goes over the wire"):
        _encode([object()])
