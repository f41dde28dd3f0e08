"""How the backends do at this moment, each read by a few bounded statements; all at once."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Value
from django.utils import translation

from django_taskq.advice import Advice, Situation, advice_on
from django_taskq.control import database_of
from django_taskq.jobs.glance import Glance
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.rollups import Span, Trend
from django_taskq.jobs.states import State
from django_taskq.jobs.trends import PERIODS, Period, Point, points_of, total_of
from django_taskq.models import Job, Queue, Tenant
from django_taskq.monitoring import Monitoring
from django_taskq.project import read_monitoring
from django_taskq.punctuality import Punctuality, punctuality_in
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Jobs in a state that are counted.
MOST = 10_000
# Paused tenants, and queues with work, among which is looked for jobs that wait for a pause.
MOST_PAUSED = 50
MOST_QUEUES = 50
# For how long back missed ticks are told.
BACK = timedelta(hours=1)


class Sight(NamedTuple):
    """What a page shows of one alias: its live numbers, how it went, and what is wrong."""

    alias: str
    glance: Glance
    trend: Trend
    points: tuple[Point, ...]
    situation: Situation
    is_pool: bool

    @property
    def advice(self) -> list[Advice]:
        """What is wrong, in the language of who asks: other threads do not know it."""
        return advice_on(self.situation)


def look(aliases: Iterable[str], period: Period, timeout: float) -> dict[str, Sight | NoAnswer]:
    """Look at backends, all of them at once; one that does not answer within the seconds is said
    not to, and keeps no other waiting.
    """
    return ask(list(aliases), partial(_sight, period=period), timeout)


def advise(aliases: Iterable[str], timeout: float) -> dict[str, tuple[Advice, ...] | NoAnswer]:
    """Return what is to be said of each of these backends, in English: commands print it."""
    found = look(aliases, PERIODS[0], timeout)
    with translation.override(None):
        return {
            alias: sight if isinstance(sight, NoAnswer) else tuple(sight.advice)
            for alias, sight in found.items()
        }


def _sight(store: Store, period: Period) -> Sight:
    glance = store.glance(MOST)
    trend = store.trend(period.span, period.since(glance.now))
    points = points_of(trend.rollups, period, glance.now)
    situation = _situation(store, glance, trend, points, period, read_monitoring())
    return Sight(store.alias, glance, trend, tuple(points), situation, store.is_local)


def _situation(
    store: Store,
    glance: Glance,
    trend: Trend,
    points: Iterable[Point],
    period: Period,
    monitoring: Monitoring,
) -> Situation:
    has_counted = bool(trend.rollups) or bool(store.rollups(Span.EVER))
    punctuality, queues, tenants = _by_rows(store, glance)
    return Situation(
        alias=store.alias,
        glance=glance,
        is_pool=store.is_local,
        counts=total_of(points) if has_counted else None,
        back=period.length.total_seconds(),
        punctuality=punctuality,
        paused_queues=queues,
        paused_tenants=tenants,
        hindrances=store.hindrances(),
        max_age=monitoring.max_age,
        max_stall=monitoring.max_stall,
    )


def _by_rows(
    store: Store, glance: Glance
) -> tuple[Punctuality | None, tuple[str, ...], tuple[str, ...]]:
    """Read what only durable aliases have: schedules, and what operators have paused."""
    if store.is_local:
        return None, (), ()
    database = database_of(store.alias)
    paused = _paused(database, store, glance.queues)
    return (
        punctuality_in(database, store.alias, glance.now, BACK),
        tuple(name for kind, name in paused if kind == "queue"),
        tuple(name for kind, name in paused if kind == "tenant"),
    )


def _paused(database: str, store: Store, queues: list[str]) -> list[tuple[str, str]]:
    """Return the paused queues, and the paused tenants for whom jobs are ready, in one statement.

    Of a tenant one probe along the index of lanes is made for each queue. Jobs whose task has
    limits stand elsewhere; those alone do not make it known.
    """
    named: Callable[[str], Value] = Value
    found = (
        Queue._default_manager.using(database)
        .filter(paused=True)
        .order_by()
        .values_list(named("queue"), "name")
    )
    if store.has_rows and queues:
        jobs = Job._default_manager.using(database).filter(
            backend=store.alias,
            queue__in=queues[:MOST_QUEUES],
            band__in=(0, 1),
            gate=NO_GATE,
            tenant=OuterRef("name"),
            state=State.READY,
            is_parked=False,
        )
        tenants = Tenant._default_manager.using(database).filter(Exists(jobs), paused=True)
        found = found.union(tenants.order_by().values_list(named("tenant"), "name"), all=True)
    return sorted(found[: 2 * MOST_PAUSED])
