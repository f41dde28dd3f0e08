"""A store's verbs without a worker around them, and a claim that knows no tenants."""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.db import connection
from django.tasks import task_backends
from django.utils import timezone

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.stores.base import Store
from tests.benchmarks.deadline import DeadlineError

WORKER = "measured:1"
# The columns of a claim, in its own order.
NAMES = tuple(
    "public_id" if field == "id" else field
    for field in Claim._fields[: Claim._fields.index("read_at")]
)

# The first jobs of the one lane there is, as it stands in the index.
FIFO = {
    "postgresql": """
        WITH picked AS MATERIALIZED (
            SELECT seq FROM taskq_job
            WHERE state = 'READY' AND NOT is_parked AND backend = 'default'
                AND queue = 'default' AND band = 1 AND gate = '' AND tenant = ''
            ORDER BY rank, seq LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE taskq_job SET state = 'RUNNING', attempt = attempt + 1, worker_id = %s,
            claimed_at = clock_timestamp()
        WHERE seq = ANY (ARRAY(SELECT seq FROM picked))
        RETURNING {names}
    """,
    "sqlite": """
        UPDATE taskq_job SET state = 'RUNNING', attempt = attempt + 1, worker_id = %s,
            claimed_at = strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')
        WHERE seq IN (
            SELECT seq FROM taskq_job
            WHERE is_parked = 0 AND state = 'READY' AND backend = 'default'
                AND queue = 'default' AND band = 1 AND gate = '' AND tenant = ''
            ORDER BY rank, seq LIMIT %s
        )
        RETURNING {names}
    """,
}


class Verbs:
    """One worker's claims and finishes, called one after the other."""

    def __init__(self) -> None:
        backend: Any = task_backends["default"]
        self._store: Store = backend.store
        self._fifo = ""

    def claim(self, limit: int) -> list[Claim]:
        """Claim as a worker does."""
        return self._store.claim(ClaimRequest(WORKER, limit))

    def claim_first(self, limit: int) -> list[Claim]:
        """Claim the first jobs that stand there, by one statement."""
        if not self._fifo:
            self._fifo = FIFO[connection.vendor].format(names=", ".join(NAMES))
        values = (limit, WORKER) if connection.vendor == "postgresql" else (WORKER, limit)
        with connection.cursor() as cursor:
            cursor.execute(self._fifo, values)
            rows = sorted(cursor.fetchall())
        read_at = monotonic()
        return [Claim(*row, read_at)._replace(id=str(row[1])) for row in rows]

    def finish(self, claims: list[Claim]) -> None:
        """Write that these have succeeded."""
        now = timezone.now()
        outcomes = [
            Outcome(claim.seq, claim.attempt, Verdict.SUCCEEDED, now, now, f'["{WORKER}"]', "1")
            for claim in claims
        ]
        if None in self._store.finish(WORKER, outcomes):
            raise DeadlineError("A finish was refused: the claim before it did not hold.")
