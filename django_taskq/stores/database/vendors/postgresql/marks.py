"""Marks on PostgreSQL: a plain success is marked and ended by one statement a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.states import State
from django_taskq.stores.database.endings import is_plain
from django_taskq.stores.database.marks import Marks
from django_taskq.stores.database.vendors.postgresql.arrays import given_rows
from django_taskq.stores.pairing import Hold

# Write successes that change nothing but the end of their job, of attempts that rows may not know
# of. Those for which something waits are left out, by a scalar subquery: it is looked up in the
# index row by row, whatever the planner thinks of the table. All conditions stand in a COALESCE, of
# which it thinks that it holds for half the rows: see below for what it does where it expects one.
# Inputs: `given`, in the order of seq; worker; `epoch`, the condition that its claims count.
# Result: seq and attempt of those that were written.
_SUCCEED = """
UPDATE taskq_job AS job
SET
    state = 'SUCCESSFUL', failure = NULL, reason = NULL, result = given.result,
    attempt = given.attempt, worker_id = %(worker)s, claimed_at = given.claimed_at,
    due_at = NULL, is_parked = false, parked_for = NULL,
    tries = job.tries + 1, worker_ids = given.worker_ids, unique_key = NULL,
    started_at = COALESCE(job.started_at, given.started_at),
    last_attempted_at = given.started_at,
    finished_at = COALESCE(given.finished_at, {now})
FROM {given}
WHERE job.seq = given.seq
    AND COALESCE((
        (job.attempt < given.attempt AND job.state IN ('READY', 'SCHEDULED', 'RUNNING') {epoch})
        OR (job.attempt = given.attempt AND job.state = 'RUNNING' AND job.worker_id = %(worker)s)
    ) AND (SELECT 1 FROM taskq_dependency WHERE upstream_id = job.seq LIMIT 1) IS NULL, false)
RETURNING job.seq, job.attempt
"""

# Write attempts into rows that do not know of them. They are looked up and locked one by one, by
# their keys: as long as the table is not analysed, the planner takes its rows that match all this
# for one, and would read all there are and compare each with everything given.
# Inputs: `given`, in the order of seq; worker; `epoch`, the condition that its claims count.
_MARK = """
WITH held AS MATERIALIZED (
    SELECT own.seq, given.attempt, given.claimed_at
    FROM {given} CROSS JOIN LATERAL (
        SELECT seq FROM taskq_job AS job
        WHERE job.seq = given.seq AND job.backend = %(backend)s AND job.attempt < given.attempt
            AND job.state IN ('READY', 'SCHEDULED', 'RUNNING') {epoch}
        FOR NO KEY UPDATE
    ) AS own
)
UPDATE taskq_job AS job
SET
    state = 'RUNNING', attempt = held.attempt, worker_id = %(worker)s,
    claimed_at = COALESCE(held.claimed_at, {now}),
    due_at = NULL, is_parked = false, parked_for = NULL
FROM held
WHERE job.seq = held.seq
"""
_MARKED = {"seq": "bigint", "attempt": "integer", "claimed_at": "timestamptz"}
_TYPES = {
    "seq": "bigint", "attempt": "integer", "started_at": "timestamptz",
    "finished_at": "timestamptz", "claimed_at": "timestamptz", "worker_ids": "text",
    "result": "text",
}  # fmt: skip


class PostgresqlMarks(Marks):
    """As generic, by one statement for each worker."""

    def mark(self, holds: Sequence[Hold]) -> None:
        """Write attempts into rows that do not know of them, in the caller's transaction."""
        of_workers: dict[str | None, list[Hold]] = {}
        for hold in sorted(holds, key=lambda hold: hold.seq):
            of_workers.setdefault(hold.worker_id, []).append(hold)
        clock = self.place.clock
        for worker_id, held in of_workers.items():
            values: dict[str, Any] = {"worker": worker_id, "backend": self.place.backend}
            values |= clock.parameters()
            columns = {name: [getattr(hold, name) for hold in held] for name in _MARKED}
            given = given_rows(_MARKED, columns, values)
            epoch = self.in_epoch_sql(worker_id, values)
            statement = _MARK.format(now=clock.steady_sql, given=given, epoch=epoch)
            with self.place.connection.cursor() as cursor:
                cursor.execute(statement, values)

    def succeed(
        self, worker_id: str, outcomes: Sequence[Outcome], claimed: Mapping[int, datetime]
    ) -> dict[tuple[int, int], State]:
        """Mark and end plain successes at once; return the states of those that it was done for."""
        plain = [outcome for outcome in outcomes if is_plain(outcome)]
        if not plain:
            return {}
        clock = self.place.clock
        values: dict[str, Any] = {"worker": worker_id, **clock.parameters()}
        columns: dict[str, list[Any]] = {
            name: [getattr(outcome, name) for outcome in plain]
            for name in _TYPES
            if name != "claimed_at"
        }
        columns["claimed_at"] = [claimed[outcome.seq] for outcome in plain]
        given = given_rows(_TYPES, columns, values)
        epoch = self.in_epoch_sql(worker_id, values)
        with self.place.connection.cursor() as cursor:
            cursor.execute(_SUCCEED.format(now=clock.steady_sql, given=given, epoch=epoch), values)
            rows: list[Any] = cursor.fetchall()
        return dict.fromkeys(rows, State.SUCCESSFUL)
