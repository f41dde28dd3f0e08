"""A bounded look at what waits, runs and works, by three statements however many jobs there are.

Ready jobs are counted along the index of their lanes, each queue to a bound. The indexes of other
states do not have the queue: of each state as many are counted as come first in its index.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Value

from django_taskq.jobs.glance import Bounded, Glance, QueueCount, total_of
from django_taskq.jobs.states import State
from django_taskq.stores.database.clock import Clock, aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.reads import worker_of

# No more queues are looked at.
MOST_QUEUES = 500
# Ready jobs of a queue that are counted in any case.
LEAST = 20
# Queues that one statement counts: SQLite takes 500 parts of a UNION.
CHUNK = 250

# The condition of the partial index in the words of its definition: only so do all planners see
# that it holds. `no` and `yes` are what Django writes for these there.
_READY = "job.backend = %(backend)s AND job.state = 'READY' AND job.is_parked = {no}"

# All queues with ready jobs, each found by one step along the index from the one before; a row
# without a queue stands behind the last. Each has the time.
_QUEUES = """
WITH RECURSIVE ring (queue, place) AS (
    SELECT (SELECT MIN(job.queue) FROM taskq_job AS job WHERE {ready}), 0
    UNION ALL
    SELECT (SELECT MIN(job.queue) FROM taskq_job AS job WHERE {ready} AND job.queue > ring.queue),
        ring.place + 1
    FROM ring WHERE ring.queue IS NOT NULL AND ring.place < %(most_queues)s
)
SELECT queue, {now} FROM ring"""

_OF_QUEUE = """
SELECT 'READY' AS state, %(queue_{n})s AS queue, NULL AS worker_id, COUNT(*) AS jobs,
    MIN(eligible_at) AS since
FROM (SELECT eligible_at FROM taskq_job AS job WHERE {ready} AND job.queue = %(queue_{n})s
    ORDER BY job.band, job.gate LIMIT %(of_queue)s) AS few_{n}"""

_APART = """
SELECT 'APART' AS state, queue, NULL AS worker_id, COUNT(*) AS jobs, MIN(eligible_at) AS since
FROM (SELECT queue, eligible_at FROM taskq_job WHERE backend = %(backend)s AND is_parked = {yes}
    ORDER BY parked_for LIMIT %(limit)s) AS apart
GROUP BY queue"""

_OF_STATE = """
SELECT '{state}', queue, {worker}, COUNT(*), NULL
FROM (SELECT queue, worker_id FROM taskq_job WHERE backend = %(backend)s AND state = '{state}'
    ORDER BY {order} LIMIT %(limit)s) AS of_{state}
GROUP BY {group}"""

_OTHERS = (
    _OF_STATE.format(state="SCHEDULED", order="due_at", worker="NULL", group="queue"),
    _OF_STATE.format(state="DEFERRED", order="seq", worker="NULL", group="queue"),
    _OF_STATE.format(
        state="RUNNING", order="worker_id", worker="worker_id", group="queue, worker_id"
    ),
)


class _Part(NamedTuple):
    """What was counted of a queue in a state, and on a worker where it runs."""

    state: str
    queue: str
    worker_id: str | None
    jobs: int
    since: datetime | None


def glance_at(place: Place, most: int) -> Glance:
    """Look at the jobs and workers of an alias; count at most so many in a state."""
    now, queues = _queues(place)
    # With many queues each gets its part, so that no more is read of all of them together.
    of_queue = max(LEAST, most // max(1, len(queues)))
    parts = _parts(place, queues, of_queue + 1, most + 1)
    oldest: dict[str, datetime] = {}
    for part in parts:
        if part.since is not None:
            oldest[part.queue] = min(part.since, oldest.get(part.queue, part.since))
    return Glance(
        now,
        tuple(_counts(parts, of_queue, most)),
        tuple(
            worker_of(worker, now, _held_by(worker.pk, parts))
            for worker in place.workers().order_by("started_at", "pk")
        ),
        oldest,
    )


def _queues(place: Place) -> tuple[datetime, list[str]]:
    clock, connection = place.clock, place.connection
    values: dict[str, Any] = {
        "backend": place.backend, "most_queues": MOST_QUEUES, **clock.parameters()
    }  # fmt: skip
    if clock.sql == Clock.sql and "now" not in values:
        # One that has no words of its own is asked before.
        values["now"] = clock.read(connection)
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES.format(ready=_ready(connection), now=clock.sql), values)
        rows = cursor.fetchall()
    now = values["now"] if "now" in values else _reader(connection)(rows[0][1])
    return now, [queue for queue, _ in rows if queue is not None]


def _parts(place: Place, queues: list[str], of_queue: int, limit: int) -> list[_Part]:
    read, ready = _reader(place.connection), _ready(place.connection)
    others = (_APART.format(yes=_word(place.connection, True)), *_OTHERS)
    found = []
    chunks = list(batched(queues, CHUNK)) or [()]
    for number, chunk in enumerate(chunks):
        values: dict[str, Any] = {"backend": place.backend, "limit": limit, "of_queue": of_queue}
        values |= {f"queue_{n}": queue for n, queue in enumerate(chunk)}
        parts = [_OF_QUEUE.format(ready=ready, n=n) for n in range(len(chunk))]
        # The other states are looked at once.
        parts += others if number == 0 else ()
        with place.connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            found += [
                _Part(state, queue, worker_id, jobs, read(since))
                for state, queue, worker_id, jobs, since in cursor.fetchall()
                if jobs
            ]
    return found


def _ready(connection: BaseDatabaseWrapper) -> str:
    return _READY.format(no=_word(connection, False))


def _word(connection: BaseDatabaseWrapper, value: bool) -> str:
    """Return a truth value as Django writes it into the condition of an index."""
    return str(connection.schema_editor().quote_value(value))


def _counts(parts: Iterable[_Part], of_queue: int, most: int) -> Iterable[QueueCount]:
    """Return the counts; a state of which as many were read as may be has more."""
    by_kind: dict[tuple[str, str], list[_Part]] = {}
    of_state: dict[str, int] = {}
    for part in parts:
        by_kind.setdefault((part.queue, part.state), []).append(part)
        of_state[part.state] = of_state.get(part.state, 0) + part.jobs
    sums: dict[tuple[str, str], list[Bounded]] = {}
    for (queue, kind), some in by_kind.items():
        number = sum(part.jobs for part in some)
        bound = of_queue if kind == State.READY else most
        is_cut = (number if kind == State.READY else of_state[kind]) > bound
        state = State.READY.value if kind == "APART" else kind
        sums.setdefault((queue, state), []).append(Bounded(min(number, bound), is_cut))
    return [QueueCount(*key, total_of(counts)) for key, counts in sorted(sums.items())]


def _held_by(worker_id: str, parts: Iterable[_Part]) -> int:
    return sum(part.jobs for part in parts if part.worker_id == worker_id)


def _reader(connection: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    """Return what reads a time that a raw statement has brought, in whichever form."""
    moment = Value(None, output_field=DateTimeField())
    converters = connection.ops.get_db_converters(moment)

    def read(value: Any) -> datetime | None:
        for convert in converters:
            value = convert(value, moment, connection)
        moment_read: datetime | None = value
        return aware(moment_read)

    return read
