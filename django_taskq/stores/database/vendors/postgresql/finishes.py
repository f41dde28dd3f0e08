"""Finishes on PostgreSQL: fence, change and history in one statement a batch."""

from collections.abc import Sequence
from typing import Any

from django_taskq.jobs.attempt import error_of
from django_taskq.jobs.fence import Note
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.reasons import CANCELED_RUNNING, JOB_CANCELED
from django_taskq.jobs.states import State
from django_taskq.stores.database.endings import failure_of, is_plain
from django_taskq.stores.database.finishes import Finishes, Written, ended_among
from django_taskq.stores.database.heirs import Heir
from django_taskq.stores.database.taken import Taken
from django_taskq.stores.database.vendors.postgresql.arrays import given_row, given_rows
from django_taskq.stores.database.vendors.postgresql.freeing import Freed, end_and_free, simple

# That nothing waits for a job: then its end is one statement. A scalar subquery is looked up in
# the index row by row, whatever the planner thinks of the table.
_ALONE = """AND (
    SELECT 1 FROM taskq_dependency WHERE upstream_id = job.seq LIMIT 1
) IS NULL"""

# Write successes that change nothing but the end of their job: nearly every outcome there is.
# Inputs: `given`, in the order of seq; worker; `alone` where those with dependents are left out.
# Result: seq, attempt and state of those that the fence let through.
_SUCCEED = """
UPDATE taskq_job AS job
SET
    state = 'SUCCESSFUL', failure = NULL, reason = NULL, result = given.result,
    tries = job.tries + 1, worker_ids = given.worker_ids, unique_key = NULL,
    started_at = COALESCE(job.started_at, given.started_at),
    last_attempted_at = given.started_at,
    finished_at = COALESCE(given.finished_at, {now})
FROM {given}
WHERE job.seq = given.seq AND {is_running} AND job.attempt = given.attempt
    AND job.worker_id = %(worker)s {alone}
RETURNING job.seq, job.attempt, job.state
"""

# That a job runs; for a single one in words that no partial index is made for. By that of running
# jobs the planner would look at all that a worker has held lately, to find one by its key.
_RUNS = "job.state = 'RUNNING'"
_RUNS_AS_ONE = "COALESCE(job.state, '') = 'RUNNING'"

# Write outcomes of any kind and the rows about their attempts. Inputs and result: as
# above; `given` tells the state that each outcome leads to, and the one it leads to where a cancel
# was asked for.
_FINISH = f"""
WITH given AS MATERIALIZED (SELECT * FROM {{given}}),
held AS MATERIALIZED (
    SELECT
        given.*, job.cancel_asked_at IS NOT NULL AND given.asked_state = 'CANCELED' AS is_canceled,
        CASE WHEN job.cancel_asked_at IS NULL THEN given.state ELSE given.asked_state END
            AS next_state
    FROM given JOIN taskq_job AS job ON job.seq = given.seq
    WHERE job.state = 'RUNNING' AND job.attempt = given.attempt AND job.worker_id = %(worker)s
        {{alone}}
    ORDER BY job.seq
    FOR UPDATE OF job
),
finished AS (
    UPDATE taskq_job AS job
    SET
        state = held.next_state,
        failure = CASE WHEN held.is_canceled THEN 'canceled' ELSE held.job_failure END,
        reason = CASE WHEN held.is_canceled THEN '{CANCELED_RUNNING}' ELSE held.job_reason END,
        result = CASE WHEN held.next_state = 'SUCCESSFUL' THEN held.result END,
        tries = job.tries + held.tries,
        worker_ids = COALESCE(held.worker_ids, job.worker_ids),
        started_at = COALESCE(job.started_at, held.started_at),
        last_attempted_at = COALESCE(held.started_at, job.last_attempted_at),
        finished_at = CASE WHEN held.next_state NOT IN ('READY', 'SCHEDULED')
            THEN COALESCE(held.finished_at, {{now}}) END,
        due_at = CASE WHEN held.next_state = 'SCHEDULED'
            THEN {{now}} + held.delay * interval '1 second' END,
        eligible_at = CASE WHEN held.next_state = 'READY' AND held.verdict = 'retry'
            THEN {{now}} ELSE job.eligible_at END,
        worker_id = CASE WHEN held.next_state NOT IN ('READY', 'SCHEDULED')
            THEN job.worker_id END,
        claimed_at = CASE WHEN held.next_state NOT IN ('READY', 'SCHEDULED')
            THEN job.claimed_at END,
        unique_key = CASE WHEN held.next_state IN ('READY', 'SCHEDULED')
            THEN job.unique_key END,
        metadata = COALESCE(held.metadata, job.metadata),
        progress = COALESCE(held.progress, job.progress),
        ctx = COALESCE(held.ctx, job.ctx)
    FROM held
    WHERE job.seq = held.seq
    RETURNING job.seq, job.attempt, job.state
),
history AS (
    INSERT INTO taskq_attempt (
        job_id, attempt, worker_id, verdict, failure, reason, exception_class, traceback, log,
        started_at, finished_at
    )
    SELECT
        held.seq, held.attempt, %(worker)s,
        CASE WHEN held.is_canceled THEN 'canceled' ELSE held.verdict END,
        CASE WHEN held.is_canceled THEN 'canceled' ELSE held.failure END,
        CASE WHEN held.is_canceled THEN '{CANCELED_RUNNING}' ELSE held.reason END,
        CASE WHEN held.is_canceled THEN '{JOB_CANCELED}' ELSE held.path END,
        CASE WHEN held.is_canceled THEN COALESCE(held.traceback, '{CANCELED_RUNNING}')
            ELSE held.traceback END,
        held.log, held.started_at, COALESCE(held.finished_at, {{now}})
    FROM held
    WHERE held.is_kept OR held.is_canceled
)
SELECT seq, attempt, state FROM finished
"""

# Write notes. Inputs: `given`, worker. Result: a row for each note taken.
_NOTE = """
UPDATE taskq_job AS job
SET
    started_at = COALESCE(job.started_at, given.started_at),
    last_attempted_at = COALESCE(given.started_at, job.last_attempted_at),
    progress = COALESCE(given.progress, job.progress),
    metadata = COALESCE(given.metadata, job.metadata)
FROM {given}
WHERE job.seq = given.seq AND job.state = 'RUNNING' AND job.attempt = given.attempt
    AND job.worker_id = %(worker)s
RETURNING 1
"""

_STATES = {state.value: state for state in State}

_PLAIN_TYPES = {
    "seq": "bigint", "attempt": "integer", "started_at": "timestamptz",
    "finished_at": "timestamptz", "worker_ids": "text", "result": "text",
}  # fmt: skip
_TYPES = _PLAIN_TYPES | {
    "state": "text", "asked_state": "text", "verdict": "text", "failure": "text",
    "reason": "text", "delay": "float8", "tries": "integer", "metadata": "text",
    "progress": "text", "ctx": "text", "is_kept": "boolean", "path": "text",
    "traceback": "text", "job_failure": "text", "job_reason": "text",
    "log": "text",
}  # fmt: skip
_NOTE_TYPES = {
    "seq": "bigint", "attempt": "integer", "started_at": "timestamptz", "progress": "text",
    "metadata": "text",
}  # fmt: skip


class PostgresqlFinishes(Finishes):
    """Writes a batch with one statement, two where it holds more than plain successes."""

    def write(self, worker_id: str, outcomes: Sequence[Outcome]) -> dict[tuple[int, int], State]:
        """Write outcomes; return the new states of those accepted."""
        return self.write_and_hand(worker_id, outcomes, None).states

    def write_and_hand(
        self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None
    ) -> Written:
        """Write outcomes and hand over what is freed.

        Those for which nothing waits first, then those that free jobs and do no more: they need no
        transaction around a statement.
        """
        states: dict[tuple[int, int], State] = {}
        taken: list[Taken] = []
        left = outcomes
        if not self._ripples.expects_edges:
            states = self._write_both(worker_id, left, _ALONE)
            left = [outcome for outcome in left if outcome[:2] not in states]
        plain = [outcome for outcome in left if is_plain(outcome)]
        if plain and self.place.options.priority_aging is None:
            freed = self._free(worker_id, plain, heir)
            states |= dict.fromkeys(freed.fences, State.SUCCESSFUL)
            taken = freed.taken
            left = [outcome for outcome in left if outcome[:2] not in states]
        if left:
            states |= self._write_and_spread(worker_id, left)
        return Written(states, taken)

    def _free(self, worker_id: str, outcomes: Sequence[Outcome], heir: Heir | None) -> Freed:
        place = self.place
        values: dict[str, Any] = {
            "worker": worker_id, "backend": place.backend, **place.clock.parameters()
        }  # fmt: skip
        is_one = len(outcomes) == 1
        write_given = given_row if is_one else given_rows
        given = write_given(_PLAIN_TYPES, _plain_columns(outcomes), values)
        ended = _SUCCEED.format(
            now=place.clock.steady_sql,
            given=given,
            is_running=_RUNS_AS_ONE if is_one else _RUNS,
            alone=simple(len(outcomes)),
        )
        freed = end_and_free(place, ended, values, heir, is_one=is_one)
        self._ripples.expects_edges = freed.has_edges
        if freed.ready:
            self._announce()
            self._ripples.tell_moved(freed.ready)
        return freed

    def _write_and_spread(
        self, worker_id: str, outcomes: Sequence[Outcome]
    ) -> dict[tuple[int, int], State]:
        with self.place.transaction():
            states = self._write_both(worker_id, outcomes)
            self._ripples.spread(ended_among(states))
        return states

    def _write_both(
        self, worker_id: str, outcomes: Sequence[Outcome], alone: str = ""
    ) -> dict[tuple[int, int], State]:
        plain = [outcome for outcome in outcomes if is_plain(outcome)]
        if len(plain) == len(outcomes):
            return self._write(_SUCCEED, worker_id, _PLAIN_TYPES, outcomes, alone)
        others = [outcome for outcome in outcomes if not is_plain(outcome)]
        if not plain:
            return self._write(_FINISH, worker_id, _TYPES, others, alone)
        with self.place.transaction():
            states = self._write(_SUCCEED, worker_id, _PLAIN_TYPES, plain, alone)
            return states | self._write(_FINISH, worker_id, _TYPES, others, alone)

    def write_notes(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write notes in one statement; return how many were taken."""
        columns = {name: [getattr(note, name) for note in notes] for name in _NOTE_TYPES}
        return len(self._rows(_NOTE, worker_id, _NOTE_TYPES, columns))

    def _write(
        self,
        statement: str,
        worker_id: str,
        types: dict[str, str],
        outcomes: Sequence[Outcome],
        alone: str,
    ) -> dict[tuple[int, int], State]:
        columns = _plain_columns(outcomes)
        if types is _TYPES:
            columns |= _other_columns(outcomes)
        rows = self._rows(statement, worker_id, types, columns, alone)
        return {(seq, attempt): _STATES[state] for seq, attempt, state in rows}

    def _rows(
        self,
        statement: str,
        worker_id: str,
        types: dict[str, str],
        columns: dict[str, list[Any]],
        alone: str = "",
    ) -> list[Any]:
        clock = self.place.clock
        values: dict[str, Any] = {"worker": worker_id, **clock.parameters()}
        given = given_rows(types, columns, values)
        with self.place.connection.cursor() as cursor:
            filled = statement.format(
                now=clock.steady_sql, given=given, is_running=_RUNS, alone=alone
            )
            cursor.execute(filled, values)
            rows: list[Any] = cursor.fetchall()
        return rows


def _plain_columns(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    return {
        "seq": [outcome.seq for outcome in outcomes],
        "attempt": [outcome.attempt for outcome in outcomes],
        "started_at": [outcome.started_at for outcome in outcomes],
        "finished_at": [outcome.finished_at for outcome in outcomes],
        "worker_ids": [o.worker_ids if o.started_at else None for o in outcomes],
        "result": [outcome.result for outcome in outcomes],
    }


def _other_columns(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    states = [outcome.next_state() for outcome in outcomes]
    both = list(zip(outcomes, states, strict=True))
    failures = [failure_of(outcome, state) for outcome, state in both]
    errors = [error_of(outcome, state) for outcome, state in both]
    return {
        "state": [state.value for state in states],
        "asked_state": [o.next_state(is_cancel_asked=True).value for o in outcomes],
        "verdict": [outcome.verdict.value for outcome in outcomes],
        "failure": [outcome.failure and outcome.failure.value for outcome in outcomes],
        "reason": [outcome.reason for outcome in outcomes],
        "delay": [float(outcome.delay) for outcome in outcomes],
        "tries": [int(outcome.costs_try) for outcome in outcomes],
        "metadata": [outcome.metadata for outcome in outcomes],
        "progress": [outcome.progress for outcome in outcomes],
        "ctx": [outcome.ctx for outcome in outcomes],
        "is_kept": [outcome.needs_attempt_row for outcome in outcomes],
        "path": [path for path, _ in errors],
        "traceback": [traceback for _, traceback in errors],
        "job_failure": [failure and failure.value for failure, _ in failures],
        "job_reason": [reason for _, reason in failures],
        "log": [outcome.log for outcome in outcomes],
    }
