"""A deed on all jobs that match: some thousands of numbers a step, from where the last one stood.

It goes along the numbers of the jobs, to the one that was the last when it began, so that what is
enqueued meanwhile is left alone and every job is met once. How far it has come stands in the
reader's session: a page that is loaded again, or a second one, goes on from there.
"""

from dataclasses import asdict, dataclass, field
from itertools import islice
from time import monotonic
from typing import Any
from uuid import uuid4

from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest, QueryDict

from django_taskq.admin import actions, deeds, places, sieves
from django_taskq.admin import wanted as names
from django_taskq.admin.actions import BATCH, Done, Picked
from django_taskq.admin.wanted import Wanted, wanted_in
from django_taskq.models import Job

SESSION_KEY = "taskq_bulks"
MOST_KEPT = 5
MOST_REASONS = 20
# Numbers that are looked through by one statement, and the seconds that a step takes about.
SLICE = 20_000
SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Bulk:
    """How far a deed has come. `step` grows with each batch; two never do the same one."""

    key: str
    deed: str
    query: str
    database: str
    options: dict[str, Any]
    first: int
    last: int
    at: int
    step: int = 0
    changed: int = 0
    stayed: int = 0
    is_stopped: bool = False
    reasons: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.is_stopped or self.at >= self.last

    @property
    def percent(self) -> int:
        """How much of the way is done."""
        way = self.last - self.first
        return 100 if way <= 0 else (100 * (self.at - self.first)) // way


def begin(request: HttpRequest, deed: str, options: dict[str, Any]) -> Bulk:
    """Make a bulk over what the address of the list asks for, as of now."""
    database = places.chosen_database(request)
    rows = Job._default_manager.using(database)
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    first, last = (ends["first"] or 1) - 1, ends["last"] or 0
    bulk = Bulk(
        key=uuid4().hex, deed=deed, query=_frozen(request), database=database, options=options,
        first=first, last=last, at=first,
    )  # fmt: skip
    save(request, bulk)
    return bulk


def load(request: HttpRequest, key: str) -> Bulk | None:
    """Return a bulk of the reader, as it stands now; None where there is none."""
    kept = request.session.get(SESSION_KEY, {}).get(key)
    return None if kept is None else Bulk(**kept)


def save(request: HttpRequest, bulk: Bulk) -> None:
    """Keep how far a bulk is, at once: what another page does goes by it."""
    others = {**request.session.get(SESSION_KEY, {})}
    others.pop(bulk.key, None)
    kept = dict(islice(others.items(), max(0, len(others) - MOST_KEPT + 1), None))
    request.session[SESSION_KEY] = kept | {bulk.key: asdict(bulk)}
    request.session.save()


def advance(request: HttpRequest, bulk: Bulk) -> None:
    """Do about a second's worth of the deed.

    The session says that a batch is done before it is done: who dies in between leaves some jobs
    as they were, and nobody enqueues a copy twice.
    """
    deed = deeds.DEEDS[bulk.deed]
    verb = deed.verb_with(bulk.options)
    rows = _rows(bulk)
    until = monotonic() + SECONDS
    while not bulk.is_over:
        picked = _next(bulk, rows)
        bulk.step += 1
        save(request, bulk)
        if picked:
            _count(bulk, actions.apply(request, picked, verb))
        if monotonic() >= until:
            break
    save(request, bulk)


def _count(bulk: Bulk, done: list[Done]) -> None:
    bulk.changed += sum(item.note is not None for item in done)
    bulk.stayed += sum(item.note is None for item in done)
    told = [actions.reason_of(item) for item in done if item.note is None and item.why]
    bulk.reasons += told[: MOST_REASONS - len(bulk.reasons)]


def _next(bulk: Bulk, rows: QuerySet[Job]) -> list[Picked]:
    """Return the next jobs among the numbers of one slice, and go on behind them."""
    end = min(bulk.at + SLICE, bulk.last)
    found = list(
        rows.filter(pk__gt=bulk.at, pk__lte=end).values_list("pk", "public_id", "backend", "task")[
            :BATCH
        ]
    )
    bulk.at = found[-1][0] if len(found) == BATCH else end
    return [Picked(str(id), backend, task) for _, id, backend, task in found]


def _rows(bulk: Bulk) -> QuerySet[Job]:
    condition = Q()
    for part in sieves.sieves_of(wanted_of(bulk)).values():
        condition &= part
    return Job._default_manager.using(bulk.database).filter(condition).order_by("pk")


def wanted_of(bulk: Bulk) -> Wanted:
    """Return what the list asked for when the bulk began."""
    asked = HttpRequest()
    asked.GET = QueryDict(bulk.query)
    return wanted_in(asked)


def _frozen(request: HttpRequest) -> str:
    """Return the address of a list with the last hour, day or week as the moments that it means."""
    wanted = wanted_in(request)
    query = request.GET.copy()
    if query.pop(names.TIME, None):
        for name, moment in ((names.FROM, wanted.since), (names.TO, wanted.until)):
            if moment is not None:
                query[name] = moment.isoformat()
    return query.urlencode()
