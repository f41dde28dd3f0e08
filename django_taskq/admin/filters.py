"""What the list of jobs offers to choose from. What is chosen is read in one place, `wanted`."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import places
from django_taskq.admin import wanted as names
from django_taskq.admin.actions import Words
from django_taskq.jobs.states import Failure, State
from django_taskq.models import Job


class DrawnFilter(SimpleListFilter):
    """A filter that shows its choices and leaves the rows to the list, which knows them all."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Leave the rows as they are."""
        return queryset


class DatabaseFilter(DrawnFilter):
    """Chooses the database, where aliases use several; the admin reads it from there."""

    title = _("database")
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


class StateFilter(DrawnFilter):
    """Narrows the list to one state of one alias."""

    title = _("state")
    parameter_name = names.STATE

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return every state."""
        return [(state.value, state.value) for state in State]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links; a choice of before that fits no other state is dropped."""
        for choice in super().choices(changelist):
            given = choice["display"]
            value = given if given in State.__members__ else None
            link = changelist.get_query_string({self.parameter_name: value}, [names.APART])
            yield choice | {"query_string": link}


class ApartFilter(DrawnFilter):
    """Shows the ready jobs that stand apart instead of those in their lanes: another index."""

    title = _("apart from its lane")
    parameter_name = names.APART

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the choice, where ready jobs are shown."""
        is_ready = request.GET.get(names.STATE) == State.READY
        return [("yes", gettext("Yes"))] if is_ready else []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links: a ready job stands in its lane or apart, never in both."""
        for value, shown in ((None, gettext("No")), ("yes", gettext("Yes"))):
            link = changelist.get_query_string({self.parameter_name: value}, [])
            yield {"selected": self.value() == value, "query_string": link, "display": shown}


class BackendFilter(DrawnFilter):
    """Chooses the alias that a list of one state is about, where there are several."""

    title = _("backend")
    parameter_name = places.BACKEND_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the aliases in the chosen database, if there is a choice."""
        is_of_one = request.GET.get(names.STATE) in State.__members__
        is_named = places.BACKEND_PARAMETER in request.GET
        self.chosen = places.chosen_alias(request) if is_of_one or is_named else None
        known = places.aliases_in(places.chosen_database(request))
        return [] if len(known) < 2 else [(alias, alias) for alias in known]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links: in a list of one state one of the aliases is always chosen."""
        for value, shown in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == self.chosen, "query_string": link, "display": shown}


class FailureFilter(DrawnFilter):
    """Narrows the list to one kind of failure."""

    title = _("failure")
    parameter_name = names.FAILURE

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return every kind."""
        return [(failure.value, failure.value) for failure in Failure]


class ExactFilter(DrawnFilter):
    """Narrows the list to a name that the reader types, since there may be thousands."""

    template = "admin/django_taskq/exact_filter.html"
    hint: Words = ""

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return one entry, so that the filter is shown."""
        return [("", "")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return what the form needs to keep of the other filters."""
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "hint": self.hint,
            "kept": _kept(changelist, self.parameter_name or ""),
            "clear": changelist.get_query_string(remove=[self.parameter_name or ""]),
        }


class QueueFilter(ExactFilter):
    """Narrows the list to a queue."""

    title = _("queue")
    parameter_name = names.QUEUE


class TenantFilter(ExactFilter):
    """Narrows the list to a tenant."""

    title = _("tenant")
    parameter_name = names.TENANT


class TaskFilter(ExactFilter):
    """Narrows the list to a task."""

    title = _("task")
    parameter_name = names.TASK
    hint = _("Its import path.")


class WorkerFilter(ExactFilter):
    """Narrows the list to the jobs that a worker holds, or had last."""

    title = _("worker")
    parameter_name = names.WORKER
    hint = _("The id of a worker.")


class ScheduleFilter(ExactFilter):
    """Narrows the list to the jobs of a schedule."""

    title = _("schedule")
    parameter_name = names.SCHEDULE
    hint = _("The number of a schedule.")


class RunFilter(ExactFilter):
    """Narrows the list to the jobs of a pipeline run."""

    title = _("pipeline run")
    parameter_name = names.RUN
    hint = _("The id of a run.")


class ErrorFilter(ExactFilter):
    """Narrows the list to the jobs whose last error is of a class."""

    title = _("error")
    parameter_name = names.ERROR
    hint = _("A class, with or without its module.")


class AboutFilter(ExactFilter):
    """Narrows the list to the jobs about an object."""

    title = _("object")
    parameter_name = names.ABOUT
    hint = _("Such as shop.order:5.")


# The spans of `wanted` in words.
_BACK = {"hour": _("The last hour"), "day": _("The last day"), "week": _("The last week")}
_AHEAD = {"hour": _("The next hour"), "day": _("The next day"), "week": _("The next week")}


class TimeFilter(DrawnFilter):
    """Narrows the list to the last hour, day or week, or to a range of days."""

    title = _("time")
    parameter_name = names.TIME
    template = "admin/django_taskq/time_filter.html"
    bounds = (names.FROM, names.TO)

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type, admin: ModelAdmin
    ) -> None:
        super().__init__(request, params, model, admin)
        self.given = {name: params.pop(name)[-1] for name in self.bounds if name in params}

    def expected_parameters(self) -> list[str | None]:
        """Return the names that the address may have for it."""
        return [self.parameter_name, *self.bounds]

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Return the spans."""
        self.state = request.GET.get(names.STATE, "")
        told = _AHEAD if self.state == State.SCHEDULED else _BACK
        return [(span, str(told[span])) for span in names.SPANS]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the links to the spans, then what the form needs."""
        for choice in super().choices(changelist):
            value = next(
                (key for key, told in self.lookup_choices if told == choice["display"]), ""
            )
            link = changelist.get_query_string({names.TIME: value or None}, list(self.bounds))
            is_chosen = choice["selected"] and not (self.given and not value)
            yield choice | {"query_string": link, "selected": is_chosen}
        yield {
            "form": True,
            "kept": _kept(changelist, names.TIME, *self.bounds),
            "first": self.given.get(names.FROM, ""),
            "last": self.given.get(names.TO, ""),
        }


def _kept(changelist: ChangeList, *names: str) -> list[tuple[str, str]]:
    """Return what of the address a form carries along."""
    return [(name, value) for name, value in changelist.params.items() if name not in names]
