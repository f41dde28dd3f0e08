"""The index along which a list is read, and how far it is looked through.

One index serves one order, and that a few filters: a list walks along it, the newest job first or
what runs next. What else is chosen is looked for among the first MOST jobs on that way, as many
as can be paged through, so that no filter costs an index of its own, which every job would pay for,
and none reads a million rows in vain.
"""

from typing import NamedTuple

from django.db.models import Q, QuerySet

from django_taskq.admin import sieves
from django_taskq.admin import wanted as names
from django_taskq.admin.paging import MOST
from django_taskq.admin.wanted import Wanted
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.spec import Band
from django_taskq.jobs.states import ENDED, State
from django_taskq.models import Job

NEWEST = ("-pk",)
MOST_GATES = 50
# How many jobs with one predictable id a search shows.
MOST_NAMED = 100

_BANDS = (Band.CRITICAL, Band.REGULAR)
_READY = ("queue", "band", "gate", "tenant", "rank", "pk")
_APART = ("parked_for", "rank", "pk")

type Rows = QuerySet[Job]


class Spine(NamedTuple):
    """An order that an index has, the jobs that stand in it, and the filters that it serves.

    `edge` is the lookup by which the first jobs of it are cut off from the others; None where
    they are few, or have to be named one by one.
    """

    condition: Q
    order: tuple[str, ...]
    serves: frozenset[str]
    edge: str | None = None
    is_small: bool = False


class Narrowed(NamedTuple):
    """The rows of a list; `is_cut` where filters were looked for among the first ones alone."""

    rows: Rows
    is_cut: bool


def spine_of(wanted: Wanted) -> Spine:
    """Return the way along which the wanted jobs are found with the least effort."""
    if wanted.id is not None:
        return Spine(Q(public_id=wanted.id), NEWEST, frozenset({names.TERM}), is_small=True)
    for name, column in (
        (names.RUN, "run_id"), (names.ABOUT, "about"), (names.SCHEDULE, "schedule_id"),
    ):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            return Spine(Q(**{column: value}), NEWEST, frozenset({name}), "pk__gte")
    if wanted.state is not None:
        return _of_state(wanted, wanted.state)
    if wanted.since is not None or wanted.until is not None:
        condition, serves = sieves.of_time(wanted), frozenset({names.TIME})
        return Spine(condition, ("-public_id",), serves, "public_id__gte")
    return Spine(Q(), NEWEST, frozenset(), "pk__gte")


def _of_state(wanted: Wanted, state: State) -> Spine:
    condition = sieves.of_state(wanted)
    if state in ENDED:
        condition &= Q(finished_at__isnull=False)
        order = ("-finished_at", "-pk")
        return _timed(wanted, condition, order, "finished_at__gte")
    if state is State.SCHEDULED:
        return _timed(wanted, condition, ("due_at", "pk"), "due_at__lte")
    serves = frozenset({names.STATE})
    if state is State.DEFERRED:
        return Spine(condition, NEWEST, serves, "pk__gte")
    if state is State.RUNNING:
        condition &= Q(worker_id=wanted.worker) if wanted.worker is not None else Q()
        serves |= {names.WORKER}
        return Spine(condition, ("worker_id", "pk"), serves, is_small=True)
    if wanted.is_apart:
        return Spine(condition, _APART, serves)
    if wanted.queue is not None:
        condition &= Q(queue=wanted.queue)
        serves |= {names.QUEUE}
    return Spine(condition, _READY, serves)


def _timed(wanted: Wanted, condition: Q, order: tuple[str, ...], edge: str) -> Spine:
    serves = frozenset({names.STATE, names.TIME})
    return Spine(condition & sieves.of_time(wanted), order, serves, edge)


def narrowed(rows: Rows, wanted: Wanted, most: int | None = None) -> Narrowed:
    """Return the wanted ones of ordered rows."""
    if wanted.problems:
        return Narrowed(rows.none(), False)
    spine = spine_of(wanted)
    found = rows.filter(spine.condition)
    left = {name: q for name, q in sieves.sieves_of(wanted).items() if name not in spine.serves}
    if wanted.state is State.READY and names.QUEUE in spine.serves and names.TENANT in left:
        found = _of_tenant(found, wanted.tenant or "")
        del left[names.TENANT]
    if not left:
        return Narrowed(found, False)
    most = MOST if most is None else most
    found, is_cut = (found, False) if spine.is_small else _cut(found, spine, most)
    for condition in left.values():
        found = found.filter(condition)
    if is_cut and wanted.term is not None:
        found = _with_named(rows, found, wanted, most)
    return Narrowed(found, is_cut)


def _cut(rows: Rows, spine: Spine, most: int) -> tuple[Rows, bool]:
    """Leave the first rows of an order alone; tell whether there were others."""
    column = (spine.edge or "pk").partition("__")[0]
    last = rows.values_list(column, flat=True)[most - 1 : most + 1]
    ends = list(last)
    if len(ends) < 2:
        return rows, False
    # A million jobs may be due at the same moment, at which nothing can be cut off.
    if spine.edge is not None and ends[0] != ends[1]:
        return rows.filter(**{spine.edge: ends[0]}), True
    return rows.filter(pk__in=list(rows.values_list("pk", flat=True)[:most])), True


def _with_named(rows: Rows, found: Rows, wanted: Wanted, most: int) -> Rows:
    """Add the jobs with exactly the predictable id that is searched for: an index knows all."""
    held = rows.filter(backend=wanted.alias, tenant=wanted.tenant or "", task_id=wanted.term)
    for condition in sieves.sieves_of(wanted).values():
        held = held.filter(condition)
    named = list(held.order_by("-pk").values_list("pk", flat=True)[:MOST_NAMED])
    if not named:
        return found
    return rows.filter(pk__in={*named, *found.values_list("pk", flat=True)[:most]})


def _of_tenant(rows: Rows, name: str) -> Rows:
    """Keep a tenant's rows of a queue: in both bands and all gates, which come first there."""
    found = rows.filter(band__in=_BANDS, tenant=name)
    gates = _gates(rows)
    return found if gates is None else found.filter(gate__in=gates)


def _gates(rows: Rows) -> set[str] | None:
    """Return the gates in the lanes of a queue by a step in the index each; None for too many."""
    known = {NO_GATE}
    for band in _BANDS:
        lanes = rows.filter(band=band).order_by("queue", "band", "gate")
        last: str | None = NO_GATE
        while (
            last := lanes.filter(gate__gt=last).values_list("gate", flat=True).first()
        ) is not None:
            known.add(last)
            if len(known) > MOST_GATES:
                return None
    return known
