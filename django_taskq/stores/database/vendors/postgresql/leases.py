"""Heartbeats on PostgreSQL: the lease, and what was asked of the worker, in one statement."""

from django_taskq.jobs.workers import Beat, Pulse
from django_taskq.stores.database.leases import Leases

# Renew a lease that is not lost. Inputs: worker, backend, seconds, the pulse, NULL for none.
# Result: nothing where it is lost; else whether a stop was asked for, in a row for each job that
# was asked to stop, or one.
_BEAT = """
WITH beat AS (
    UPDATE taskq_worker
    SET beat_at = {now}, expires_at = {now} + %(seconds)s * interval '1 second',
        progress_at = COALESCE({now} - %(silent_for)s::float8 * interval '1 second', progress_at),
        memory = COALESCE(%(memory)s::bigint, memory),
        late_results = COALESCE(%(late_results)s::bigint, late_results)
    WHERE worker_id = %(worker)s AND backend = %(backend)s AND lost_at IS NULL
    RETURNING stop_asked_at IS NOT NULL AS is_stop_asked
)
SELECT beat.is_stop_asked, job.seq
FROM beat LEFT JOIN taskq_job AS job ON job.state = 'RUNNING' AND job.backend = %(backend)s
    AND job.worker_id = %(worker)s AND job.cancel_asked_at IS NOT NULL
"""
_NO_PULSE: dict[str, None] = dict.fromkeys(Pulse._fields)


class PostgresqlLeases(Leases):
    """Renews a lease with one round trip."""

    def heartbeat(self, worker_id: str, pulse: Pulse | None = None) -> Beat:
        """Renew the lease of a worker, unless its jobs were taken back already."""
        place, clock = self.place, self.place.clock
        values = {
            "worker": worker_id,
            "backend": place.backend,
            "seconds": place.options.lease,
            **(_NO_PULSE if pulse is None else pulse._asdict()),
            **clock.parameters(),
        }
        with place.connection.cursor() as cursor:
            cursor.execute(_BEAT.format(now=clock.steady_sql), values)
            rows = cursor.fetchall()
        if not rows:
            return Beat(is_alive=False)
        asked = frozenset(seq for _, seq in rows if seq is not None)
        return Beat(True, asked, rows[0][0])
