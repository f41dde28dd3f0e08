"""Filters of the list of jobs. Each is offered only where an index serves it.

A state is read through its partial index, in the order of that index; the index starts with the
alias, so a list of one state is about one alias. Queue, band, gate and tenant come next in the
index of ready jobs and nowhere else. `-seq` under a filter would have the planner walk the primary
key past a million ended jobs.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from django_taskq.admin import places
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.spec import Band
from django_taskq.jobs.states import ENDED, State
from django_taskq.models import Job

STATE_PARAMETER = "state"
QUEUE_PARAMETER = "queue"
APART_PARAMETER = "apart"
NEWEST = ("-pk",)
MOST_GATES = 50
APART = ("parked_for", "rank", "pk")

_BANDS = (Band.CRITICAL, Band.REGULAR)
_ORDER: dict[State, tuple[str, ...]] = {
    State.READY: ("queue", "band", "gate", "tenant", "rank", "pk"),
    State.SCHEDULED: ("due_at", "pk"),
    State.RUNNING: ("worker_id", "pk"),
    State.DEFERRED: NEWEST,
    **dict.fromkeys(ENDED, ("-finished_at", "-pk")),
}


def chosen_state(request: HttpRequest) -> State | None:
    """Return the state that a list is narrowed to."""
    given = request.GET.get(STATE_PARAMETER, "")
    return State(given) if given in State.__members__ else None


def order_of(request: HttpRequest) -> tuple[str, ...]:
    """Return the order in which a list is read."""
    state = chosen_state(request)
    if state is None:
        return NEWEST
    return APART if is_apart_chosen(request) else _ORDER[state]


def is_apart_chosen(request: HttpRequest) -> bool:
    """Tell whether a list shows the ready jobs that stand apart from their lanes."""
    return chosen_state(request) is State.READY and request.GET.get(APART_PARAMETER) == "yes"


class DatabaseFilter(SimpleListFilter):
    """Chooses the database, where aliases use several; the admin reads it from there."""

    title = "database"
    parameter_name = places.DATABASE_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the databases, if there is a choice."""
        held = places.databases()
        return [(name, name) for name in held] if len(held) > 1 else []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links: one of the databases is always chosen."""
        chosen = self.value() or places.databases()[0]
        for value, shown in self.lookup_choices:
            link = changelist.get_query_string(
                {self.parameter_name: value}, [places.BACKEND_PARAMETER]
            )
            yield {"selected": value == chosen, "query_string": link, "display": shown}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Leave the rows as they are."""
        return queryset


class StateFilter(SimpleListFilter):
    """Narrows the list to one state of one alias."""

    title = "state"
    parameter_name = STATE_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return every state."""
        return [(state.value, state.value) for state in State]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links; a choice of before that fits no other state is dropped."""
        narrower = [APART_PARAMETER, QUEUE_PARAMETER, TenantFilter.parameter_name]
        for choice in super().choices(changelist):
            yield choice | {"query_string": self._link(changelist, choice, narrower)}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Keep the rows of the state, by its index."""
        state = chosen_state(request)
        if state is None:
            return queryset
        found = queryset.filter(backend=places.chosen_alias(request), state=state)
        if state in ENDED:
            return found.filter(finished_at__isnull=False)
        if state is State.READY:
            return found.filter(is_parked=is_apart_chosen(request))
        return found

    def _link(self, changelist: ChangeList, choice: Any, narrower: list[str]) -> str:
        given = choice["display"]
        value = given if given in State.__members__ else None
        return changelist.get_query_string({self.parameter_name: value}, narrower)


class ApartFilter(SimpleListFilter):
    """Shows the ready jobs that stand apart instead of those in their lanes: another index."""

    title = "apart from its lane"
    parameter_name = APART_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the choice, where ready jobs are shown."""
        return [("yes", "Yes")] if chosen_state(request) is State.READY else []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links: a ready job stands in its lane or apart, never in both."""
        for value, shown in ((None, "No"), ("yes", "Yes")):
            link = changelist.get_query_string({self.parameter_name: value}, [])
            yield {"selected": self.value() == value, "query_string": link, "display": shown}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Leave the rows as they are: the state's filter reads them by the right index."""
        return queryset


class BackendFilter(SimpleListFilter):
    """Chooses the alias that a list of one state is about, where there are several."""

    title = "backend"
    parameter_name = places.BACKEND_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the aliases in the chosen database, if there is a choice."""
        self.chosen = places.chosen_alias(request)
        known = places.aliases_in(places.chosen_database(request))
        if chosen_state(request) is None or len(known) < 2:
            return []
        return [(alias, alias) for alias in known]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links: one of the aliases is always chosen."""
        for value, shown in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == self.chosen, "query_string": link, "display": shown}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Leave the rows as they are: the state's filter names the alias already."""
        return queryset


class ExactFilter(SimpleListFilter):
    """Narrows the list to a name that the reader types, since there may be thousands."""

    template = "admin/django_taskq/exact_filter.html"

    def is_offered(self, request: HttpRequest) -> bool:
        """Tell whether an index serves the filter here."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return one entry, so that the filter is shown where it is offered."""
        return [("", "")] if self.is_offered(request) else []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return what the form needs to keep of the other filters."""
        kept = [
            (name, value)
            for name, value in changelist.params.items()
            if name != self.parameter_name
        ]
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "kept": kept,
            "clear": changelist.get_query_string(remove=[self.parameter_name or ""]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Keep the rows of exactly this name."""
        name = self.value()
        if name is None or "\x00" in name or not self.is_offered(request):
            return queryset
        return self.narrowed(queryset, name)

    def narrowed(self, queryset: QuerySet[Job], name: str) -> QuerySet[Job]:
        """Keep the rows of a name."""
        raise NotImplementedError


class QueueFilter(ExactFilter):
    """Narrows ready jobs to a queue."""

    title = "queue"
    parameter_name = QUEUE_PARAMETER

    def is_offered(self, request: HttpRequest) -> bool:
        """Tell whether the list shows ready jobs."""
        return chosen_state(request) is State.READY

    def narrowed(self, queryset: QuerySet[Job], name: str) -> QuerySet[Job]:
        """Keep the rows of a queue."""
        return queryset.filter(queue=name)


class TenantFilter(ExactFilter):
    """Narrows the ready jobs of a queue to a tenant."""

    title = "tenant"
    parameter_name = "tenant"

    def is_offered(self, request: HttpRequest) -> bool:
        """Tell whether the list shows the ready jobs of one queue."""
        return chosen_state(request) is State.READY and QUEUE_PARAMETER in request.GET

    def narrowed(self, queryset: QuerySet[Job], name: str) -> QuerySet[Job]:
        """Keep the rows of a tenant: in both bands and all gates, which come first in the index."""
        found = queryset.filter(band__in=_BANDS, tenant=name)
        gates = _gates(queryset)
        return found if gates is None else found.filter(gate__in=gates)


def _gates(queryset: QuerySet[Job]) -> set[str] | None:
    """Return the gates in the lanes of a queue by a step in the index each; None for too many."""
    known = {NO_GATE}
    for band in _BANDS:
        lanes = queryset.filter(band=band).order_by("queue", "band", "gate")
        last: str | None = NO_GATE
        while (
            last := lanes.filter(gate__gt=last).values_list("gate", flat=True).first()
        ) is not None:
            known.add(last)
            if len(known) > MOST_GATES:
                return None
    return known
