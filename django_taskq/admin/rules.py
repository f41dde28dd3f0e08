"""What the pages of tenants and of queues share: rows that operators edit, with live numbers."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq import rulings
from django_taskq.admin import cells, filters, places, rule_cells
from django_taskq.admin.actions import acts
from django_taskq.admin.confirming import confirm_action, is_confirmed
from django_taskq.admin.entries import log_changes
from django_taskq.admin.paging import CappedPaginator
from django_taskq.admin.rule_numbers import Numbers
from django_taskq.admin.rule_words import (
    BUTTONS,
    NOTES,
    PAUSE,
    RESUME,
    RuleWords,
    left_told,
    subtitle_in,
)
from django_taskq.admin.switching import switch_address, switch_by_name
from django_taskq.jobs.states import State
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
    """The list of rows: reads what waits and runs of the rows of the page, and of no others."""

    shown: Any = None

    def get_results(self, request: HttpRequest) -> None:
        """Read a page of rows, and how their tenants or queues stand."""
        super().get_results(request)
        model_admin: Any = self.model_admin
        rows: list[Any] = list(self.result_list)
        self.shown = model_admin.show_numbers(rows, request)
        self.result_list: Any = rows


class RuleAdmin(admin.ModelAdmin):
    """Shows and edits the rows of one database, the one that the list was narrowed to.

    Only what the reader has changed is written, so that a form which was open for long undoes
    nothing that was said meanwhile.
    """

    form = RuleForm
    change_list_template = "admin/django_taskq/rule/change_list.html"
    search_fields = ("name",)
    list_filter = (filters.DatabaseFilter, "paused")
    ordering = ("name",)
    list_per_page = 25
    list_max_show_all = 0
    show_full_result_count = False
    paginator = CappedPaginator
    show_facets = admin.ShowFacets.NEVER
    actions = ("pause", "resume")
    # What is seen of a row beside what is written in it.
    seen: ClassVar[tuple[str, ...]] = ()
    edited: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[RuleWords]

    # What the pages of tenants and of queues say of themselves.

    def show_numbers(self, rows: Sequence[Any], request: HttpRequest) -> Any:
        """Put on each row the `numbers` of its tenant or queue; return what was read for it."""
        raise NotImplementedError

    def show_parts(self, row: Any, request: HttpRequest) -> None:
        """Put on a row what its own page shows beside its numbers."""

    def context_of_list(self, shown: Any, request: HttpRequest) -> dict[str, Any]:
        """Return what the list shows beside its rows."""
        return {"silent": list(shown.silent.values())}

    # What is read and written.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RuleList]:
        """Return the list that counts for all its rows at once."""
        return RuleList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the database that the page is about."""
        return super().get_queryset(request).using(places.database_of_rule(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row, with its numbers on its own page."""
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None and places.is_own_page(request):
            row.silent = list(self.show_numbers([row], request).silent.values())
            self.show_parts(row, request)
        return row

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """Return the form, which knows its database."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.database = places.database_of_rule(request)
        made: type[forms.ModelForm] = form
        return made

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the parts of the form, and for a stored row how it stands."""
        parts: list[Any] = [(None, {"fields": self.edited})]
        if obj is not None:
            parts.append((gettext("Now"), {"fields": self._without_switch(request, self.seen)}))
        return parts

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns; the button is for who may press it."""
        return self._without_switch(request, self.list_display)

    def _without_switch(self, request: HttpRequest, names: Sequence[Any]) -> list[Any]:
        may_switch = self.has_change_permission(request)
        return [name for name in names if name != "switch" or may_switch]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name: under another one the old name would be without its limits, unseen."""
        return ("name", *self.seen) if obj is not None else ()

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Have the form remember what it showed, so that what the reader changed is known."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = True
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Take over the name of one that has jobs and no row."""
        return {"name": request.GET["name"]} if "name" in request.GET else {}

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

    def get_urls(self) -> list[URLPattern]:
        """Add the page that pauses and resumes by name."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_switch"
        view = self.admin_site.admin_view(self.switch_view)
        return [path("switch/", view, name=name), *super().get_urls()]

    def switch_view(self, request: HttpRequest) -> HttpResponse:
        """Pause or resume a tenant or queue by its name, whether it has a row or not."""
        return switch_by_name(self, request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and which tenants or queues have jobs and no row."""
        request.current_app = self.admin_site.name
        response = super().changelist_view(request, extra_context)
        context = _context(response)
        if "cl" in context and isinstance(context["cl"], RuleList):
            context |= self.context_of_list(context["cl"].shown, request)
            response.context_data = context  # type: ignore[attr-defined]
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
            context["subtitle"] = subtitle_in(
                context.get("subtitle"), places.database_of_rule(request)
            )
        return response

    # Actions and columns.

    @acts("change", _("Pause"), _("Pause the selected %(verbose_name_plural)s"))
    def pause(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Have their jobs start no more, once the reader has said so twice."""
        return self._switch(request, queryset, PAUSE)

    @acts("change", _("Resume"), _("Resume the selected %(verbose_name_plural)s"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Let their jobs start again, once the reader has said so twice."""
        return self._switch(request, queryset, RESUME)

    @admin.display(description=_("name"), ordering="name")
    def name_cell(self, row: Row) -> str:
        """Return the name."""
        return cells.line(str(row))

    @admin.display(description=_("paused"), ordering="paused")
    def paused_cell(self, row: Row) -> SafeString | str:
        """Tell whether it is paused: a tick would look as if that were good."""
        if not row.paused:
            return cells.NOTHING
        return format_html('<span class="taskq-badge taskq-warn">{}</span>', gettext("paused"))

    @admin.display(description=_("ready"))
    def ready(self, row: Row) -> int | str:
        """Return how many jobs could start."""
        return rule_cells.count(_numbers(row), State.READY)

    @admin.display(description=_("oldest ready"))
    def oldest(self, row: Row) -> str:
        """Return how long the oldest ready job has waited."""
        return rule_cells.age(_numbers(row))

    @admin.display(description=_("scheduled"))
    def scheduled(self, row: Row) -> int | str:
        """Return how many jobs wait for their time."""
        return rule_cells.count(_numbers(row), State.SCHEDULED)

    @admin.display(description=_("deferred"))
    def deferred(self, row: Row) -> int | str:
        """Return how many jobs wait for others."""
        return rule_cells.count(_numbers(row), State.DEFERRED)

    @admin.display(description=_("running"))
    def running(self, row: Row) -> int | str:
        """Return how many jobs run."""
        return rule_cells.count(_numbers(row), State.RUNNING)

    @admin.display(description=_("running, of at most"))
    def running_of(self, row: Row) -> str:
        """Return how many jobs run, and how many may."""
        told = str(self.running(row))
        if row.max_running is None:
            return told
        return gettext("%(done)s of %(total)s") % {"done": told, "total": row.max_running}

    @admin.display(description=_("not answered"))
    def silent_cell(self, row: Row) -> str:
        """Return which stores did not answer, so that their jobs are missing."""
        return cells.line(" ".join(getattr(row, "silent", ())))

    @admin.display(description=_("switch"))
    def switch(self, row: Row) -> Any:
        """Return the button that pauses or resumes."""
        return switch_address(self, row.name, row._state.db or "", is_paused=row.paused)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Any], action: str
    ) -> TemplateResponse | None:
        is_paused = action == PAUSE
        if not is_confirmed(request):
            names = [str(row) for row in queryset[:1000]]
            told = self.words.told(queryset.count(), is_paused=is_paused)
            return confirm_action(self, request, action, BUTTONS[action], told, names)
        selected = queryset.count()
        changed = rulings.switch(queryset, is_paused=is_paused)
        log_changes(request, ((row, NOTES[action]) for row in changed))
        if changed:
            messages.success(request, self.words.done(len(changed), is_paused=is_paused))
        if left := selected - len(changed):
            messages.warning(request, left_told(left, is_paused=is_paused))
        return None


def _numbers(row: Any) -> Numbers:
    numbers: Numbers = getattr(row, "numbers", Numbers())
    return numbers


def _context(response: Any) -> dict[str, Any]:
    """Return what a page is rendered from; nothing where the answer is no page."""
    context: dict[str, Any] = getattr(response, "context_data", None) or {}
    return context
