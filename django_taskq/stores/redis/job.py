"""A job as it was read from Redis, and the values it is shown as."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs import payload
from django_taskq.jobs.attempt import AttemptRecord, errors_in, with_attempt
from django_taskq.jobs.origin import NO_ORIGIN
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import waiting_reason
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import WAITING, State
from django_taskq.stores.redis.codec import (
    read_attempts,
    read_failure,
    read_moment,
    read_spec,
    read_state,
    write_attempts,
    write_moment,
)

type Value = str | int | datetime | None


class RedisJob:
    """The fields of one job, and what was changed of them since they were read.

    `state`, `attempt` and `rev` are as they were read: a change is written only where they still
    are. What is changed shows at once in `fields` and in what the methods return.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.seq = words[0]
        self.fields = dict(zip(words[1::2], words[2::2], strict=True))
        self.before = self.fields["state"]
        self.attempt = self.number("attempt")
        self.rev = self.fields.get("rev", "0")
        self.changed: dict[str, str] = {}
        self.dropped: dict[str, None] = {}

    # What is known of it.

    @property
    def id(self) -> str:
        """The public id."""
        return self.fields["id"]

    @property
    def state(self) -> State | str:
        """The state, as it is or will be."""
        return read_state(self.fields["state"])

    @property
    def spec(self) -> JobSpec:
        """What the job came as, with its metadata as they are."""
        return read_spec(self.id, self.fields["spec"], self.text("metadata"))

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """What is kept of its attempts."""
        return read_attempts(self.fields.get("attempts"))

    @property
    def is_begun(self) -> bool:
        """Whether the function of the present attempt is known to have started."""
        return "begun" in self.fields

    def text(self, field: str) -> str | None:
        """Return a field, None where it is not there."""
        return self.fields.get(field)

    def number(self, field: str) -> int:
        """Return a number, 0 where it is not there."""
        return int(self.fields.get(field, 0))

    def moment(self, field: str) -> datetime | None:
        """Return a moment, None where it is not there."""
        stored = self.fields.get(field)
        return None if stored is None else read_moment(stored)

    def is_held(self, worker_id: str, attempt: int) -> bool:
        """Tell whether a worker holds it in this attempt."""
        fields = self.fields
        return (
            fields["state"] == State.RUNNING
            and self.attempt == attempt
            and fields.get("worker") == worker_id
        )

    # What is to become of it.

    def put(self, **values: Value) -> None:
        """Change fields; None takes one away."""
        for field, value in values.items():
            if value is None:
                self.fields.pop(field, None)
                self.changed.pop(field, None)
                self.dropped[field] = None
                continue
            text = str(write_moment(value)) if isinstance(value, datetime) else str(value)
            self.fields[field] = self.changed[field] = text
            self.dropped.pop(field, None)

    def keep(self, attempt: AttemptRecord | None) -> None:
        """Keep what is to be kept of an attempt that is over."""
        if attempt is not None:
            self.put(attempts=write_attempts(with_attempt(self.attempts, attempt)))

    def start(self, at: datetime) -> None:
        """Note that the function of the present attempt has started."""
        if not self.is_begun:
            self.put(begun=1, attempted=at)
            if self.text("started") is None:
                self.put(started=at)

    def list_worker(self) -> None:
        """Put the worker that holds the job on the list of those that started it."""
        listed = payload.decode(self.text("workers") or "[]")
        self.put(workers=payload.encode([*listed, self.text("worker")], "the worker ids"))

    # As others see it.

    def record(
        self, backend: str, *, has_errors: bool = True, has_attempts: bool = False
    ) -> JobRecord:
        """Return the job as a read-only value."""
        spec = self.spec
        origin = spec.origin or NO_ORIGIN
        state = self.state
        reason = self.text("reason")
        if state in WAITING:
            reason = reason or waiting_reason(self.text("ctx"))
        attempts = self.attempts if has_errors else ()
        return JobRecord(
            seq=int(self.seq),
            id=self.id,
            backend=backend,
            task=spec.task,
            args=spec.args,
            kwargs=spec.kwargs,
            queue=spec.queue,
            tenant=spec.tenant,
            priority=spec.priority,
            state=state,
            failure=read_failure(self.text("failure")),
            reason=reason,
            attempt=self.attempt,
            tries=self.number("tries"),
            lost=self.number("lost"),
            max_tries=spec.max_tries,
            run_after=spec.run_after,
            enqueued_at=read_moment(self.fields["enqueued"]),
            eligible_at=self.moment("eligible"),
            due_at=self.moment("due"),
            claimed_at=self.moment("claimed"),
            started_at=self.moment("started"),
            last_attempted_at=self.moment("attempted"),
            finished_at=self.moment("finished"),
            cancel_asked_at=self.moment("cancel"),
            worker_id=self.text("worker"),
            worker_ids_json=self.text("workers"),
            result=self.text("result"),
            metadata_json=spec.metadata,
            progress_json=self.text("progress"),
            options=spec.options,
            task_id=spec.task_id,
            parked_for=self.text("parked"),
            gate=spec.gate,
            trace=spec.trace,
            run_id=origin.run_id,
            node=origin.node,
            map_index=origin.map_index,
            schedule_id=origin.schedule_id,
            scheduled_for=origin.scheduled_for,
            errors=errors_in(attempts),
            attempts=attempts if has_attempts else (),
        )
