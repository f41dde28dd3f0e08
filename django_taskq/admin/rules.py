"""What the pages of tenants and of queues share: rows that operators edit, with live numbers."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse

from django_taskq import rulings, standings
from django_taskq.admin import cells, filters, places
from django_taskq.admin.actions import acts
from django_taskq.admin.entries import log_changes
from django_taskq.jobs.depths import Depth
from django_taskq.jobs.insights import LaneCount
from django_taskq.models import Queue, Tenant

type Row = Tenant | Queue


class RuleForm(forms.ModelForm):
    """A row in the database of the page; Django by itself would look for its name in another."""

    database: ClassVar[str]

    def validate_unique(self) -> None:
        """Refuse the name of another row."""
        row: Any = self.instance
        rows = type(row)._default_manager.using(self.database)
        if row._state.adding and rows.filter(name=row.name).exists():
            self.add_error("name", row.unique_error_message(type(row), ("name",)))


class RuleList(ChangeList):
    """The list of rows: reads what waits and runs once for the whole page."""

    lacking = 0

    def get_results(self, request: HttpRequest) -> None:
        """Read a page of rows, and how their tenants or queues stand."""
        super().get_results(request)
        model_admin: Any = self.model_admin
        database = places.database_of_rule(request)
        by_alias = {alias: standings.lanes_of([alias]) for alias in places.aliases_in(database)}
        lanes = [lane for found in by_alias.values() for lane in found]
        known = {standing.name: standing for standing in model_admin.standings(database, lanes)}
        rows: list[Any] = list(self.result_list)
        for row in rows:
            row.depth = known[row.name].depth if row.name in known else Depth()
        model_admin.add_numbers(rows, database, by_alias)
        self.lacking = sum(not standing.has_row for standing in known.values())
        self.result_list: Any = rows


class RuleAdmin(admin.ModelAdmin):
    """Shows and edits the rows of one database, the one that the list was narrowed to.

    Only what the reader has changed is written, so that a form which was open for long undoes
    nothing that was said meanwhile.
    """

    form = RuleForm
    search_fields = ("name",)
    list_filter = (filters.DatabaseFilter, "paused")
    ordering = ("name",)
    show_facets = admin.ShowFacets.NEVER
    actions = ("pause", "resume")

    # What the pages of tenants and of queues say of themselves.

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> Sequence[standings.Standing]:
        """Return how the tenants or queues of a database stand."""
        raise NotImplementedError

    def add_numbers(
        self, rows: Sequence[Any], database: str, lanes: dict[str, list[LaneCount]]
    ) -> None:
        """Put further numbers on the rows of a page, from the unfinished jobs of each alias."""

    # What is read and written.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RuleList]:
        """Return the list that counts for all its rows at once."""
        return RuleList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the database that the page is about."""
        return super().get_queryset(request).using(places.database_of_rule(request))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """Return the form, which knows its database."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.database = places.database_of_rule(request)
        made: type[forms.ModelForm] = form
        return made

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name: under another one the old name would be without its limits, unseen."""
        return ("name",) if obj is not None else ()

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Have the form remember what it showed, so that what the reader changed is known."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = True
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write a new row, or the columns that the reader has changed."""
        obj.save(
            using=places.database_of_rule(request),
            update_fields=form.changed_data if change else None,
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row from the database of the page."""
        obj.delete(using=places.database_of_rule(request))

    # The pages.

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and how many tenants or queues have jobs and no row."""
        response = super().changelist_view(request, extra_context)
        lacking = _context(response).get("cl", RuleList).lacking
        if lacking:
            _context(response)["subtitle"] = (
                f"{lacking} more without a row: unfinished jobs, and no limits."
            )
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row, and in which database it is where there are several."""
        response = super().changeform_view(request, object_id, form_url, extra_context)
        context = _context(response)
        if len(places.databases()) > 1 and "original" in context:
            of = context.get("subtitle") or "a new one"
            context["subtitle"] = f"{of}, in the database {places.database_of_rule(request)!r}"
        return response

    # Actions and columns.

    @acts("change", "Pause", "Pause the selected %(verbose_name_plural)s")
    def pause(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Have their jobs start no more."""
        self._switch(request, queryset, "paused", "not paused")

    @acts("change", "Resume", "Resume the selected %(verbose_name_plural)s")
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let their jobs start again."""
        self._switch(request, queryset, "not paused", "paused")

    @admin.display(description="name", ordering="name")
    def name_cell(self, row: Row) -> str:
        """Return the name."""
        return cells.line(str(row))

    @admin.display(description="ready")
    def ready(self, row: Row) -> int:
        """Return how many jobs could start."""
        return _depth(row).ready

    @admin.display(description="scheduled")
    def scheduled(self, row: Row) -> int:
        """Return how many jobs wait for their time."""
        return _depth(row).scheduled

    @admin.display(description="deferred")
    def deferred(self, row: Row) -> int:
        """Return how many jobs wait for others."""
        return _depth(row).deferred

    @admin.display(description="running")
    def running(self, row: Row) -> int:
        """Return how many jobs run."""
        return _depth(row).running

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], now: str, before: str) -> None:
        selected = queryset.count()
        changed = rulings.switch(queryset, is_paused=now == "paused")
        told = f"{before} -> {now}.".capitalize()
        log_changes(request, ((row, told) for row in changed))
        what = self.opts.verbose_name if len(changed) == 1 else self.opts.verbose_name_plural
        if changed:
            messages.success(request, f"{len(changed)} {what} now {now}.")
        if left := selected - len(changed):
            messages.warning(request, f"{left} left as before: {now} already.")


def _depth(row: Any) -> Depth:
    depth: Depth = getattr(row, "depth", Depth())
    return depth


def _context(response: Any) -> dict[str, Any]:
    """Return what a page is rendered from; nothing where the answer is no page."""
    context: dict[str, Any] = getattr(response, "context_data", None) or {}
    return context
