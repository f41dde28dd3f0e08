"""Further pages of a schedule: all its ticks, and its backfills."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.tasks.exceptions import InvalidTaskBackend
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_taskq.admin import cells, places
from django_taskq.admin.confirming import confirm, is_confirmed
from django_taskq.admin.entries import log_changes
from django_taskq.admin.schedule_actions import ScheduleActions
from django_taskq.exceptions import InvalidSchedule
from django_taskq.jobs.wording import counted
from django_taskq.management.schedule_arguments import local_moment
from django_taskq.models import Backfill, Schedule, Tick
from django_taskq.scheduling import backfills, edits
from django_taskq.scheduling.clocks import instant_of, parse_timezone
from django_taskq.scheduling.dues import timing_of
from django_taskq.scheduling.ticks import ticks_before
from django_taskq.stores.database.clock import aware

TICKS_OF_PAGE = 100
INSTANT = timedelta(microseconds=1)
# Due instants of a range that are counted before a reader says that they are meant.
MOST_COUNTED = 10_000
BEFORE = "before"


class BackfillForm(forms.Form):
    """The range for which jobs are made."""

    since = forms.CharField(
        label=gettext_lazy("from"),
        help_text=gettext_lazy(
            "The first instant. A time of the schedule's own zone, unless it has an offset: "
            "2026-12-24 18:00."
        ),
    )
    until = forms.CharField(
        label=gettext_lazy("to"), required=False,
        help_text=gettext_lazy("The last one; empty for now."),
    )  # fmt: skip
    max_running = forms.IntegerField(
        required=False, min_value=1, label=gettext_lazy("running at once"),
        help_text=gettext_lazy("Empty for one, or any number where overlap is allow."),
    )  # fmt: skip

    def __init__(self, zone: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = parse_timezone(zone)

    def clean_since(self) -> datetime:
        """Read the first instant."""
        return self._moment("since")

    def clean_until(self) -> datetime | None:
        """Read the last instant."""
        return self._moment("until") if self.cleaned_data["until"] else None

    def _moment(self, name: str) -> datetime:
        try:
            return instant_of(local_moment(self.cleaned_data[name]), self._zone)
        except (ValueError, InvalidSchedule, ArgumentTypeError) as error:
            raise forms.ValidationError(str(error)) from error


class SchedulePages(ScheduleActions):
    """The pages, each beneath the page of its schedule."""

    change_form_template = "admin/django_taskq/schedule/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the pages."""
        views = {"ticks": self.ticks_view, "backfill": self.backfill_view}
        pages = [
            path(
                f"<int:schedule_id>/{page}/", self.admin_site.admin_view(view),
                name=self._name(page),
            )
            for page, view in views.items()
        ]  # fmt: skip
        return [*pages, *super().get_urls()]

    def links_of(self, request: HttpRequest, row: Schedule) -> dict[str, Any]:
        """Return what the page of a schedule links to."""
        may_run = self.has_run_permission(request)
        return {
            "ticks_address": self._beneath(request, "ticks", row),
            "backfill_address": self._beneath(request, "backfill", row) if may_run else "",
            "backfills_to_stop": [
                (each.pk, f"{cells.moment(each.from_at)} - {cells.moment(each.until_at)}")
                for each, progress in (getattr(row, "backfills_shown", ()) if may_run else ())
                if not (progress.is_stopped or progress.is_done)
            ],
        }

    def ticks_view(self, request: HttpRequest, schedule_id: int) -> HttpResponse:
        """Show the ticks of a schedule, the newest first, a page at a time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._row(request, schedule_id)
        before = _place_of(request.GET.get(BEFORE, ""))
        ticks = ticks_before(row, before, TICKS_OF_PAGE + 1)
        shown = ticks[:TICKS_OF_PAGE]
        context: dict[str, Any] = {
            "title": _("Ticks of %(name)s") % {"name": cells.line(row.name)},
            "is_empty": not shown,
            "table": self.ticks_table(request, shown),
            "newest": "" if before is None else self._beneath(request, "ticks", row),
        }
        if len(ticks) > TICKS_OF_PAGE:
            context["older"] = self._beneath(request, "ticks", row, _written(shown[-1][0]))
        return self._page(request, "ticks", row, context)

    def ticks_table(self, request: HttpRequest, ticks: Sequence[Any]) -> Any:
        """Return ticks as a table; links are for who may see jobs."""
        raise NotImplementedError

    def backfill_view(self, request: HttpRequest, schedule_id: int) -> HttpResponse:
        """Begin a backfill, or stop one; what is asked for is done once it was said twice."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        row = self._row(request, schedule_id)
        back = self._beneath(request, "change", row)
        if "stop" in request.POST:
            return self._stop(request, row, back)
        form = BackfillForm(row.timezone, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._begin(request, row, form, back)
            except (InvalidSchedule, InvalidTaskBackend) as error:
                form.add_error(None, str(error))
        title = _("Backfill %(name)s") % {"name": cells.line(row.name)}
        context = {"title": title, "form": form, "back": back}
        return self._page(request, "backfill", row, context)

    def _begin(
        self, request: HttpRequest, row: Schedule, form: BackfillForm, back: str
    ) -> HttpResponse:
        edits.check_backend(row)
        since, until = form.cleaned_data["since"], form.cleaned_data["until"]
        most = form.cleaned_data["max_running"]
        if not is_confirmed(request):
            told = _told(row, since, until)
            hidden = [(name, request.POST.get(name, "")) for name in form.fields]
            return confirm(self, request, _("Backfill"), told, [row.name], hidden, back)
        until = until or datetime.now(since.tzinfo)
        made = backfills.begin(row, since, until, max_running=most)
        range_told = f"{aware(made.from_at).isoformat()} to {aware(made.until_at).isoformat()}"
        log_changes(request, [(row, f"Backfills {range_told}.")])
        messages.success(request, _("The backfill has begun; a scheduler makes its jobs."))
        return HttpResponseRedirect(back)

    def _stop(self, request: HttpRequest, row: Schedule, back: str) -> HttpResponse:
        given = request.POST["stop"]
        rows = Backfill._default_manager.using(row._state.db).filter(schedule_id=row.pk)
        found = rows.filter(pk=int(given)).first() if given.isdecimal() else None
        if found is None or found.stopped_at is not None:
            messages.warning(request, _("There is no such backfill, or it was stopped before."))
        elif not is_confirmed(request):
            told = _(
                "It makes no more jobs, and those of its jobs that have not ended are canceled."
            )
            hidden = [("stop", given)]
            return confirm(self, request, _("Stop the backfill"), told, [row.name], hidden, back)
        else:
            canceled = backfills.stop(found)
            log_changes(
                request, [(row, f"Stopped a backfill, {counted(canceled, 'job')} canceled.")]
            )
            told = ngettext(
                "Stopped; %(count)d job canceled, or asked to stop.",
                "Stopped; %(count)d jobs canceled, or asked to stop.",
                canceled,
            )
            messages.success(request, told % {"count": canceled})
        return HttpResponseRedirect(back)

    def _row(self, request: HttpRequest, schedule_id: int) -> Schedule:
        row = edits.rows(places.database_of_rule(request)).filter(pk=schedule_id).first()
        if row is None:
            raise Http404(_("There is no such schedule."))
        return row

    def _page(
        self, request: HttpRequest, name: str, row: Schedule, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "row_name": cells.line(row.name),
            "row_address": self._beneath(request, "change", row),
            **context,
        }
        return TemplateResponse(request, f"admin/django_taskq/schedule/{name}.html", shown)

    def _beneath(self, request: HttpRequest, page: str, row: Schedule, before: str = "") -> str:
        """Return the address of a page of a schedule in its database."""
        address = reverse(
            f"admin:{self._name(page)}", args=(row.pk,), current_app=self.admin_site.name
        )
        query = request.GET.copy()
        query[places.DATABASE_PARAMETER] = row._state.db or ""
        query.pop(BEFORE, None)
        if page == "change":
            # A form takes from a list what it is about.
            listed = f"{places.DATABASE_PARAMETER}={row._state.db}"
            query.clear()
            query[places.LIST_PARAMETER] = listed
        elif before:
            query[BEFORE] = before
        return f"{address}?{query.urlencode()}"

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


def _told(row: Schedule, since: datetime, until: datetime | None) -> str:
    """Return how many jobs a backfill makes at the most."""
    now = datetime.now(since.tzinfo)
    end = now if until is None else min(until, now)
    timing = timing_of(row)
    # The first instant counts too.
    number = timing.count(since - INSTANT, end, MOST_COUNTED + 1)
    range_told = {"since": since.isoformat(), "until": end.isoformat()}
    if number > MOST_COUNTED:
        told = _(
            "A job is made for each due instant from %(since)s to %(until)s that has none yet: "
            "more than %(count)d instants."
        )
        return told % {**range_told, "count": MOST_COUNTED}
    told = ngettext(
        "A job is made for each due instant from %(since)s to %(until)s that has none yet: "
        "%(count)d instant.",
        "A job is made for each due instant from %(since)s to %(until)s that has none yet: "
        "%(count)d instants.",
        number,
    )
    return told % {**range_told, "count": number}


def _place_of(text: str) -> tuple[datetime, int] | None:
    """Read behind which tick a page begins, None for the newest ones."""
    moment, _slash, pk = text.partition("/")
    try:
        due = parse_datetime(moment)
    except ValueError:
        return None
    return (due, int(pk)) if due is not None and pk.isdecimal() else None


def _written(tick: Tick) -> str:
    return f"{aware(tick.due_at).isoformat()}/{tick.pk}"
