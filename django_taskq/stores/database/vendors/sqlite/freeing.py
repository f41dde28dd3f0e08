"""What successes free, on SQLite: with the write lock held, few reads and writes do for a chain.

It does what nearly every step of a pipeline needs, and leaves the rest to the ripples: a success
that decides otherwise about a job that waits than to run it, or to have it wait on.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.states import State
from django_taskq.jobs.trigger import Decision, Standing, decide
from django_taskq.stores.database.heirs import Heir
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import COLUMNS, Taken
from django_taskq.stores.database.vendors.sqlite.claims import READY, taken_from
from django_taskq.stores.database.vendors.sqlite.moments import text_of, zone_of

# Find who waits for jobs, and how. Inputs: their seqs as JSON.
_WAITING = """
SELECT
    edge.id, edge.counted_as, job.seq, job.state, job.trigger_rule, job.upstream_total,
    job.upstream_successful, job.upstream_failed, job.upstream_skipped, job.is_blocked,
    job.run_after, job.gate, job.queue, job.tenant
FROM taskq_dependency AS edge CROSS JOIN taskq_job AS job ON job.seq = edge.downstream_id
WHERE edge.upstream_id IN (SELECT value FROM json_each(%s))
"""

# Count edges. Inputs: ids as JSON.
_COUNT = """
UPDATE taskq_dependency SET counted_as = 'successful'
WHERE id IN (SELECT value FROM json_each(%s))
"""

# Count for a job that waits on. Inputs: by how many, seq.
_ADD = "UPDATE taskq_job SET upstream_successful = upstream_successful + %s WHERE seq = %s"

# Tell whether anything is ready. Inputs: backend.
_HAS_READY = f"SELECT 1 FROM taskq_job WHERE {READY} LIMIT 1"

# Free jobs whose upstreams have all ended. Inputs: time, seqs as JSON.
_FREE = """
UPDATE taskq_job
SET upstream_successful = upstream_total - upstream_failed - upstream_skipped, state = {state},
    eligible_at = %s{handed}
WHERE seq IN (SELECT value FROM json_each(%s))
"""
_MAKE_READY = _FREE.format(state="'READY'", handed="")

# Free them and hand them over. Inputs: time, worker, time, seqs as JSON. Result: as of a claim.
_HAND_OVER = f"""{
    _FREE.format(
        state="'RUNNING'", handed=", attempt = attempt + 1, worker_id = %s, claimed_at = %s"
    )
}RETURNING {", ".join(COLUMNS)}
"""


class Waiting(NamedTuple):
    """An edge, and the job that waits by it."""

    edge: int
    counted: str | None
    seq: int
    state: str
    rule: str | None
    total: int
    successful: int
    failed: int
    skipped: int
    is_blocked: bool
    run_after: Any
    gate: str
    queue: str
    tenant: str

    def decision(self, more: int) -> Decision:
        """Return what so many more successes mean for the job."""
        rule = TriggerRule(self.rule or TriggerRule.ALL_SUCCESS)
        return decide(rule, self.total, self.successful + more, self.failed, self.skipped)


class Freed(NamedTuple):
    """What was handed over, and which other jobs may be claimed now."""

    taken: list[Taken]
    ready: list[int]


def free(place: Place, seqs: Sequence[int], heir: Heir | None, now: datetime) -> Freed | None:
    """Count successes for those that wait, and free these; None where the ripples have to.

    In the transaction that has written the successes.
    """
    with place.connection.cursor() as cursor:
        cursor.execute(_WAITING, (json.dumps(seqs),))
        edges = [
            waiting
            for waiting in map(Waiting._make, cursor.fetchall())
            if waiting.counted != Standing.SUCCESSFUL and waiting.state == State.DEFERRED
        ]
        if not edges:
            return Freed([], [])
        counts = Counter(waiting.seq for waiting in edges)
        if not all(_is_simple(waiting, counts[waiting.seq]) for waiting in edges):
            return None
        cursor.execute(_COUNT, (json.dumps([waiting.edge for waiting in edges]),))
        jobs = {waiting.seq: waiting for waiting in edges}
        free = [job for job in jobs.values() if job.decision(counts[job.seq]) is Decision.RUN]
        others = counts.keys() - {job.seq for job in free}
        if others:
            cursor.executemany(_ADD, [(counts[seq], seq) for seq in sorted(others)])
        fitting = [job.seq for job in free if heir is not None and _fits(job, heir)]
        if heir is None or len(free) > heir.room or (fitting and _has_ready(place, cursor)):
            fitting = []
        left = [job.seq for job in free if job.seq not in fitting]
        zone = zone_of(place.connection)
        moment = text_of(now, zone)
        if left:
            cursor.execute(_MAKE_READY, (moment, json.dumps(left)))
        if heir is None or not fitting:
            return Freed([], left)
        cursor.execute(_HAND_OVER, (moment, heir.worker_id, moment, json.dumps(fitting)))
        rows = cursor.fetchall()
    read_at = time.monotonic()
    return Freed([taken_from(row, zone, now, read_at) for row in rows], left)


def _is_simple(waiting: Waiting, more: int) -> bool:
    """Tell whether successes change nothing about a job but its count, or free it at once."""
    if waiting.counted is not None or waiting.run_after is not None:
        return False
    decision = waiting.decision(more)
    return decision in (Decision.RUN, Decision.WAIT) or (
        decision is Decision.BLOCK and waiting.is_blocked
    )


def _fits(job: Waiting, heir: Heir) -> bool:
    return (
        job.gate == NO_GATE
        and (heir.queues is None or job.queue in heir.queues)
        and (heir.tenants is None or job.tenant in heir.tenants)
        and job.queue not in heir.queues_left_out
        and job.tenant not in heir.tenants_left_out
    )


def _has_ready(place: Place, cursor: Any) -> bool:
    cursor.execute(_HAS_READY, (place.backend,))
    return cursor.fetchone() is not None
