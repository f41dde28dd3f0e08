"""Schedules in the admin: when they run next, what became of their ticks, the form of one."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.tasks.exceptions import InvalidTaskBackend
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, filters, places, schedule_cells
from django_taskq.admin.live_workers import may_see_jobs
from django_taskq.admin.rule_words import subtitle_in
from django_taskq.admin.schedule_form import ScheduleForm
from django_taskq.admin.schedule_pages import SchedulePages
from django_taskq.admin.schedule_preview import is_preview, show_preview
from django_taskq.exceptions import InvalidSchedule
from django_taskq.management.schedules import local, runs_of
from django_taskq.models import Backfill, Job, Schedule, Tick
from django_taskq.models.schedule import Source
from django_taskq.scheduling import edits
from django_taskq.scheduling.progress import Progress, progress_of
from django_taskq.scheduling.runs import Run
from django_taskq.scheduling.ticks import latest_ticks

SHOWN_RUNS, SHOWN_TICKS, SHOWN_BACKFILLS = 5, 20, 2
# Jobs by which a page tells how far a backfill is.
MOST_OF_BACKFILL = 1000
CALL = ("name", "enabled", "task", "args", "kwargs")
TIMES = ("expression", "every", "at", "timezone", "start_at", "end_at", "jitter")
HOW = (
    "backend", "queue", "tenant", "priority", "options", "catchup", "catchup_limit", "overlap",
)  # fmt: skip
SEEN = ("kept_in", "reason_line", "next_runs", "last_ticks", "backfills")


class ScheduleList(ChangeList):
    """The list of schedules: reads the last tick of each at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read a page of schedules, when they run next and what was decided last."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        now = datetime.now(UTC)
        ticks = _last_ticks(rows, places.database_of_rule(request))
        for row in rows:
            row.runs = runs_of(row, 1, now)
            row.last_tick = ticks.get(row.pk)
        self.result_list: Any = rows


class ScheduleAdmin(SchedulePages):
    """Shows and edits the schedules of one database, the one that the list was narrowed to.

    One that is kept in code is only switched on and off here.
    """

    form = ScheduleForm
    list_display = (
        "name_cell", "when", "next_here", "next_in_utc", "note", "enabled", "last_tick_cell",
        "task_name", "backend", "kept_in",
    )  # fmt: skip
    list_filter = (filters.DatabaseFilter, "enabled", "source")
    search_fields = ("name", "task")
    ordering = ("name",)
    show_facets = admin.ShowFacets.NEVER
    save_as = False

    class Media:
        css = {"all": ("django_taskq/taskq.css",)}

    # What is read and written.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ScheduleList]:
        """Return the list that reads for all its rows at once."""
        return ScheduleList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        """Return the schedules of the database that the page is about."""
        return super().get_queryset(request).using(places.database_of_rule(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Schedule | None:
        """Return a schedule; on its own page with its latest ticks, and links to jobs."""
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None and places.is_own_page(request):
            row.ticks_shown = latest_ticks(row, SHOWN_TICKS)
            row.backfills_shown = _backfills_of(row)
            row.has_links = may_see_jobs(self.admin_site, request)
        return row  # type: ignore[no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """Return the parts of the form, and for a stored schedule what became of it."""
        parts: list[Any] = [
            (None, {"fields": CALL}),
            (_("When"), {"fields": TIMES}),
            (_("How"), {"fields": HOW}),
        ]
        if obj is not None:
            parts.append((_("Runs"), {"fields": SEEN}))
        return parts

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """Return the form, which knows its database."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.database = places.database_of_rule(request)
        made: type[forms.ModelForm] = form
        return made

    def get_readonly_fields(
        self, request: HttpRequest, obj: Schedule | None = None
    ) -> tuple[str, ...]:
        """Keep the name, from which the ticks follow, and what the code says."""
        if obj is None:
            return ()
        if obj.source == Source.CODE:
            return tuple(name for name in (*CALL, *TIMES, *HOW, *SEEN) if name != "enabled")
        return ("name", *SEEN)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store a new schedule, or what the reader has changed. Raise InvalidSchedule."""
        if not change:
            row = edits.add(form.definition(), is_enabled=form.cleaned_data["enabled"])
            obj.__dict__.update(row.__dict__)
            return
        changes = form.changes()
        if changes:
            edits.change(obj, changes)
        if "enabled" in form.changed_data:
            switch = edits.enable if form.cleaned_data["enabled"] else edits.disable
            switch(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        """Refuse what the code still has: a worker would add it again."""
        is_kept = obj is not None and obj.source == Source.CODE and not edits.is_gone(obj)
        return not is_kept and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return the schedules alone: they may have any number of ticks."""
        kept = [str(row) for row in objs if not self.has_delete_permission(request, row)]
        names = [str(row) for row in objs]
        is_allowed = super().has_delete_permission(request)
        lacking = set() if is_allowed else {self.opts.verbose_name}
        return names, {self.opts.verbose_name_plural: len(names)}, lacking, kept

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        """Delete a schedule with its ticks."""
        edits.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Delete schedules with their ticks."""
        for row in queryset:
            edits.remove(row)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a schedule, in which database it is, and what was refused meanwhile."""
        try:
            response: Any = super().changeform_view(request, object_id, form_url, extra_context)
        except InvalidSchedule as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        context: dict[str, Any] = getattr(response, "context_data", None) or {}
        if is_preview(request):
            show_preview(context)
        if object_id is not None and "original" in context and context["original"] is not None:
            context |= self.links_of(request, context["original"])
            response.context_data = context
        if len(places.databases()) > 1 and "original" in context:
            context["subtitle"] = subtitle_in(
                context.get("subtitle"), places.database_of_rule(request)
            )
        return response  # type: ignore[no-any-return]

    # Columns and fields.

    @admin.display(description=_("name"), ordering="name")
    def name_cell(self, row: Schedule) -> str:
        """Return the name."""
        return cells.line(row.name)

    @admin.display(description=_("task"), ordering="task")
    def task_name(self, row: Schedule) -> str:
        """Return the import path of the task."""
        return cells.line(row.task)

    @admin.display(description=_("when"))
    def when(self, row: Schedule) -> str:
        """Return when it is due, as it was given."""
        return cells.line(schedule_cells.time_cell(row))

    @admin.display(description=_("next"), ordering="next_at")
    def next_here(self, row: Schedule) -> str:
        """Return the next run on the clocks of the schedule's zone."""
        run = _next_run(row)
        return cells.NOTHING if run is None else local(row, run)

    @admin.display(description=_("next in UTC"))
    def next_in_utc(self, row: Schedule) -> str:
        """Return the next run in UTC."""
        run = _next_run(row)
        return cells.NOTHING if run is None else f"{run.utc:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("note"))
    def note(self, row: Schedule) -> str:
        """Return what a change of clocks does to the next run, or why there is none."""
        run = _next_run(row)
        return cells.line((run and run.note) or row.reason)

    @admin.display(description=_("last tick"))
    def last_tick_cell(self, row: Schedule) -> SafeString | str:
        """Return when the schedule was due last, and what was decided of it."""
        tick: Tick | None = getattr(row, "last_tick", None)
        if tick is None:
            return cells.NOTHING
        return format_html(
            "{}<br>{}", cells.moment(tick.due_at), schedule_cells.decision_cell(tick)
        )

    @admin.display(description=_("kept in"))
    def kept_in(self, row: Schedule) -> str:
        """Return who keeps it."""
        return gettext("code") if row.source == Source.CODE else gettext("here")

    @admin.display(description=_("reason"))
    def reason_line(self, row: Schedule) -> str:
        """Return why it is off, or waits."""
        return cells.line(row.reason)

    @admin.display(description=_("next runs"))
    def next_runs(self, row: Schedule) -> SafeString | str:
        """Return the next runs, in the zone of the schedule and in UTC."""
        return schedule_cells.runs_block(row, runs_of(row, SHOWN_RUNS, datetime.now(UTC)))

    @admin.display(description=_("last ticks"))
    def last_ticks(self, row: Schedule) -> SafeString | str:
        """Return the latest ticks with their jobs."""
        link = partial(_link, self.admin_site.name) if getattr(row, "has_links", False) else None
        return schedule_cells.ticks_block(getattr(row, "ticks_shown", ()), link)

    def ticks_table(self, request: HttpRequest, ticks: Sequence[Any]) -> SafeString | str:
        """Return ticks as a table; links are for who may see jobs."""
        may_see = may_see_jobs(self.admin_site, request)
        return schedule_cells.ticks_block(
            ticks, partial(_link, self.admin_site.name) if may_see else None
        )

    @admin.display(description=_("backfills"))
    def backfills(self, row: Schedule) -> SafeString | str:
        """Return the latest backfills and how far they are."""
        return schedule_cells.backfills_block(getattr(row, "backfills_shown", ()))


def _backfills_of(row: Schedule) -> list[tuple[Backfill, Progress]]:
    found = Backfill._default_manager.using(row._state.db).filter(schedule_id=row.pk)
    try:
        return [(each, progress_of(each, MOST_OF_BACKFILL)) for each in found[:SHOWN_BACKFILLS]]
    except InvalidTaskBackend:
        # Its alias has gone from TASKS, and nobody can tell how its jobs stand.
        return []


def _next_run(row: Any) -> Run | None:
    runs: Any = getattr(row, "runs", ())
    return runs[0] if runs else None


def _last_ticks(rows: Iterable[Schedule], database: str) -> dict[int, Tick]:
    """Return the latest tick of each schedule, by one step in an index for each."""
    ticks = Tick._default_manager.using(database)
    latest = ticks.filter(schedule_id=OuterRef("pk")).order_by("-due_at").values("pk")[:1]
    keys = [row.pk for row in rows]
    found = edits.rows(database).filter(pk__in=keys).values_list(Subquery(latest), flat=True)
    return {tick.schedule_id: tick for tick in ticks.filter(pk__in=[*filter(None, found)])}


def _link(site: str, job_id: Any) -> str:
    opts = Job._meta
    return reverse(
        f"admin:{opts.app_label}_{opts.model_name}_change", args=(str(job_id),), current_app=site
    )
