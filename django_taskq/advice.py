"""What is wrong with a queue in sentences, each with the way out: data in, sentences out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_taskq.jobs.counts import Counts, Ending
from django_taskq.jobs.durations import lasting
from django_taskq.jobs.glance import Bounded, Glance
from django_taskq.jobs.hindrance import Hindrance, LateLock, OldTransaction
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.punctuality import Punctuality

# Schedulers look every few seconds; seconds after which a due tick is one that nobody sees to.
LONGEST_OVERDUE = 60.0
# A worker tells its numbers every ten seconds: after so many all jobs of a live one are told.
LONGEST_SILENCE = 60.0
# Names beyond these are not listed.
MOST_NAMES = 5


class Subject(StrEnum):
    """What a piece of advice is about."""

    SILENT = "silent"
    UNSERVED = "unserved"
    BACKLOG = "backlog"
    STALLED = "stalled"
    LOST = "lost"
    PAUSED = "paused"
    SCHEDULES = "schedules"
    LATE = "late"
    ROLLUPS = "rollups"
    DATABASE = "database"


# Those that health judges by itself.
JUDGED = frozenset({Subject.SILENT, Subject.UNSERVED, Subject.BACKLOG, Subject.STALLED})


class Advice(NamedTuple):
    """One sentence or two: what is wrong, and the way out."""

    subject: Subject
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What one alias has at a moment, as far as advice needs it.

    `counts` is what roll-ups have of the last `back` seconds, None where there are none at all.
    `paused_tenants` are those for whom ready jobs wait.
    """

    alias: str
    glance: Glance
    is_pool: bool = False
    counts: Counts | None = None
    back: float = 3600.0
    punctuality: Punctuality | None = None
    paused_queues: tuple[str, ...] = ()
    paused_tenants: tuple[str, ...] = ()
    hindrances: tuple[Hindrance, ...] = ()
    max_age: float = 300.0
    max_stall: float = 60.0


def advice_on(found: Situation) -> list[Advice]:
    """Return all there is to say, what is most pressing first."""
    glance = found.glance
    return [
        *silent(glance, found.alias),
        *unserved(glance, found.alias, is_pool=found.is_pool),
        *stalled(glance.alive, found.max_stall),
        *backlog(glance.oldest_by_queue, glance.now, found.max_age, found.paused_queues),
        *paused(glance, found.paused_queues, found.paused_tenants),
        *late_schedules(found.punctuality),
        *lost_workers(glance.workers),
        *late_results(found.counts, found.back),
        *absent_rollups(found),
        *(hindered(each) for each in found.hindrances),
    ]


def silent(glance: Glance, alias: str) -> Iterator[Advice]:
    """Tell that what hands out the jobs of rows does not answer."""
    if not glance.is_complete:
        yield Advice(Subject.SILENT, told_of_silence(alias))


def told_of_silence(alias: str) -> str:
    """Return the sentences about an alias whose rows are there and whose Redis is silent."""
    return _(
        "Redis does not answer for the backend “%(alias)s”. Its jobs are safe in their "
        "rows and wait there; what runs and who works cannot be told. Start Redis, or look "
        "at its address in CACHES: the jobs are handed to it by themselves then."
    ) % {"alias": alias}


def unserved(glance: Glance, alias: str, *, is_pool: bool = False) -> Iterator[Advice]:
    """Name the queues with ready jobs that no live worker takes."""
    ready = [queue for queue in glance.queues if glance.ready_in(queue).number]
    if not ready or not glance.is_complete:
        return
    if not glance.alive:
        way = (
            _("The pool starts one with the next job that this process enqueues.")
            if is_pool
            else _("Start one: manage.py runworker --backend %(alias)s") % {"alias": alias}
        )
        yield Advice(
            Subject.UNSERVED,
            _("No worker is alive; jobs ready: %(count)s. %(way)s")
            % {"count": number(glance.depth(State.READY)), "way": way},
        )
        return
    if any(worker.queues is None for worker in glance.alive):
        return
    served = {queue for worker in glance.alive for queue in worker.queues or ()}
    for queue in ready:
        if queue not in served:
            yield Advice(
                Subject.UNSERVED,
                _(
                    "No live worker takes the queue “%(queue)s”; jobs ready there: %(count)s. "
                    "Start one without --queues, or with %(queue)s among them."
                )
                % {"queue": queue, "count": number(glance.ready_in(queue))},
            )


def stalled(alive: Iterable[WorkerRecord], max_stall: float) -> Iterator[Advice]:
    """Name the live workers whose claim loop stands still."""
    for worker in alive:
        stall = worker.stall.total_seconds()
        if stall > max_stall:
            yield Advice(
                Subject.STALLED,
                _(
                    "The claim loop of worker %(id)s (process %(pid)s on %(host)s) has stood still "
                    "for %(stall)s, though its process lives: its database does not answer, or a "
                    "job blocks its process. See what it runs, and restart it if it stays so."
                )
                % {
                    "id": worker.id, "pid": worker.pid, "host": worker.host,
                    "stall": lasting(stall),
                },
            )  # fmt: skip


def backlog(
    oldest: dict[str, datetime], now: datetime, max_age: float, paused_queues: Sequence[str] = ()
) -> Iterator[Advice]:
    """Name the queues whose oldest ready job waits for too long; a pause is told elsewhere."""
    ages = {
        queue: (now - since).total_seconds()
        for queue, since in oldest.items()
        if queue not in paused_queues
    }
    for queue, age in sorted(ages.items(), key=lambda item: -item[1])[:MOST_NAMES]:
        if age > max_age:
            yield Advice(
                Subject.BACKLOG,
                (
                    _(
                        "The oldest ready job in the queue “%(queue)s” has waited for %(age)s, "
                        "longer than %(limit)s. Add workers or threads, or see by its page why it "
                        "is not running."
                    )
                    if queue
                    else _(
                        "The oldest ready job has waited for %(age)s, longer than %(limit)s. Add "
                        "workers or threads, or see by its page why it is not running."
                    )
                )
                % {"queue": queue, "age": lasting(age), "limit": lasting(max_age)},
            )


def paused(
    glance: Glance, paused_queues: Sequence[str], paused_tenants: Sequence[str]
) -> Iterator[Advice]:
    """Name what is paused while work waits."""
    for queue in paused_queues:
        waiting = glance.ready_in(queue)
        if waiting.number:
            yield Advice(
                Subject.PAUSED,
                _(
                    "The queue “%(queue)s” is paused; jobs ready there: %(count)s. "
                    "Let it go on: manage.py queue resume %(queue)s"
                )
                % {"queue": queue, "count": number(waiting)},
            )
    if paused_tenants:
        yield Advice(
            Subject.PAUSED,
            _(
                "Jobs are ready of tenants that are paused: %(tenants)s. "
                "Let one go on: manage.py tenant resume %(first)s"
            )
            % {"tenants": _named(paused_tenants), "first": paused_tenants[0]},
        )


def late_schedules(punctuality: Punctuality | None) -> Iterator[Advice]:
    """Tell of ticks that nobody decided in time."""
    if punctuality is None:
        return
    if punctuality.overdue > LONGEST_OVERDUE:
        yield Advice(
            Subject.SCHEDULES,
            _(
                "A schedule has been due for %(age)s and nobody has fired it: no scheduler runs. "
                "Every worker has one unless it was started with --no-scheduler; start one with "
                "manage.py runworker --scheduler-only."
            )
            % {"age": lasting(punctuality.overdue)},
        )
    if punctuality.missed:
        yield Advice(
            Subject.SCHEDULES,
            ngettext(
                "%(count)d tick of a schedule was missed lately, since no scheduler ran at its "
                "time. Its schedule's page says which; a backfill makes up for it.",
                "%(count)d ticks of schedules were missed lately, since no scheduler ran at their "
                "time. Their schedules' pages say which; a backfill makes up for them.",
                punctuality.missed,
            )
            % {"count": punctuality.missed},
        )


def lost_workers(workers: Sequence[WorkerRecord]) -> Iterator[Advice]:
    """Tell of workers that fell silent without a farewell; rows of them are kept for a day."""
    lost = [worker for worker in workers if not worker.is_alive]
    if lost:
        last = max(lost, key=lambda worker: worker.beat_at)
        yield Advice(
            Subject.LOST,
            ngettext(
                "%(count)d worker fell silent within the last day: %(id)s on %(host)s. Its log "
                "and that of its host say why: killed for its memory, or cut off from the "
                "database.",
                "%(count)d workers fell silent within the last day, at last %(id)s on %(host)s. "
                "Their logs and those of their hosts say why: killed for their memory, or cut off "
                "from the database.",
                len(lost),
            )
            % {"count": len(lost), "id": last.id, "host": last.host},
        )


def late_results(counts: Counts | None, back: float) -> Iterator[Advice]:
    """Tell of results that were refused, and of leases that were lost."""
    if counts is None:
        return
    late, leases, span = counts.of(Ending.LATE), counts.leases_lost, lasting(back)
    if late:
        yield Advice(
            Subject.LATE,
            ngettext(
                "%(count)d result was refused in the last %(span)s: its job had gone on without "
                "its worker, and has run twice. Give workers a longer LEASE, or jobs that hold the "
                "interpreter's lock a process pool.",
                "%(count)d results were refused in the last %(span)s: their jobs had gone on "
                "without their workers, and have run twice. Give workers a longer LEASE, or jobs "
                "that hold the interpreter's lock a process pool.",
                late,
            )
            % {"count": late, "span": span},
        )
    if leases:
        yield Advice(
            Subject.LATE,
            ngettext(
                "The jobs of %(count)d worker were taken back in the last %(span)s, since it had "
                "died or was silent for longer than its LEASE. See its log.",
                "The jobs of %(count)d workers were taken back in the last %(span)s, since they "
                "had died or were silent for longer than their LEASE. See their logs.",
                leases,
            )
            % {"count": leases, "span": span},
        )


def absent_rollups(found: Situation) -> Iterator[Advice]:
    """Tell where live workers run jobs and no numbers of them arrive."""
    glance = found.glance
    born = [worker.started_at for worker in glance.alive]
    if found.counts is not None or not born or not glance.depth(State.RUNNING).number:
        return
    age = (glance.now - min(born)).total_seconds()
    if age > LONGEST_SILENCE:
        yield Advice(
            Subject.ROLLUPS,
            _(
                "No worker has ever written down what it counted, so charts and counters stay "
                "empty. Numbers come with the first job that ends; if none come then, the workers "
                "are of an older release, or manage.py migrate is due: restart or migrate."
            ),
        )


def hindered(hindrance: Hindrance) -> Advice:
    """Tell of what in a database slows its queue down."""
    if isinstance(hindrance, OldTransaction):
        text = _(
            "A transaction in the database “%(database)s” has been open for %(age)s (process "
            "%(pid)d, application “%(application)s”, %(state)s): vacuum removes no dead rows "
            "meanwhile, and claims get slower. End it, or by SQL: "
            "SELECT pg_terminate_backend(%(pid)d); and set idle_in_transaction_session_timeout."
        ) % {
            "database": hindrance.database, "age": lasting(hindrance.age), "pid": hindrance.pid,
            "application": hindrance.application or _("without a name"),
            "state": hindrance.state or _("of an unknown state"),
        }  # fmt: skip
    else:
        text = _late_lock(hindrance)
    return Advice(Subject.DATABASE, text)


def _late_lock(hindrance: LateLock) -> str:
    return _(
        "Transactions in the SQLite database “%(database)s” start without the write lock: under "
        "load they fail with “database is locked”. Set OPTIONS = {'transaction_mode': "
        "'IMMEDIATE', 'timeout': 30} for it."
    ) % {"database": hindrance.database}


def number(count: Bounded) -> str:
    """Return a number in words where it was not counted to its end."""
    if count.is_cut:
        return _("more than %(number)d") % {"number": count.number}
    return str(count.number)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else _("%(names)s and others") % {"names": shown}
