"""The overview: what waits, who works, how it went, and what is wrong, on one page."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_taskq import control
from django_taskq.admin import cells, places
from django_taskq.admin.live_numbers import rowless_aliases
from django_taskq.admin.live_workers import live_address
from django_taskq.admin.overview_charts import charts_of, seconds, whole
from django_taskq.advice import number
from django_taskq.jobs.counts import Counts, Ending
from django_taskq.jobs.states import State
from django_taskq.jobs.trends import PERIODS, Period, period_named, total_of
from django_taskq.models import Job
from django_taskq.project import read_monitoring
from django_taskq.questions import NoAnswer
from django_taskq.situations import Sight, look

NAME = "django_taskq_overview"
PERIOD_PARAMETER = "period"
# Seconds that the page waits for a backend at the most.
LONGEST_WAIT = 2.0

_SHOWN = {
    "hour": gettext_lazy("Last hour"),
    "day": gettext_lazy("Last day"),
    "week": gettext_lazy("Last week"),
}
_STATES = (State.READY, State.SCHEDULED, State.DEFERRED, State.RUNNING)


class OverviewPage(admin.ModelAdmin):
    """The page of the overview, which belongs to the list of jobs."""

    def get_urls(self) -> list[URLPattern]:
        """Put the page before the pages of single jobs, whose address would take it in."""
        view = self.admin_site.admin_view(self.overview_view)
        return [path("overview/", view, name=NAME), *super().get_urls()]

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        """Show all backends as they are now, and one of them over time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        period = period_named(request.GET.get(PERIOD_PARAMETER))
        found = look(control.our_aliases(), period, min(LONGEST_WAIT, read_monitoring().timeout))
        chosen = _chosen(found, request.GET.get(places.BACKEND_PARAMETER))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Overview"),
            "opts": Job._meta,
            "periods": _periods(period, request.GET.get(places.BACKEND_PARAMETER)),
            "backends": _backends(found, chosen, period),
            "warnings": _warnings(found),
            "live": [self._live(request, alias, answer) for alias, answer in found.items()],
            "states": [state.value for state in _STATES],
            "chosen": None if chosen is None else chosen.alias,
            "tiles": [] if chosen is None else _tiles(total_of(chosen.points)),
            "charts": [] if chosen is None else charts_of(
                chosen.points, chosen.trend.failures, str(_SHOWN[period.name])
            ),
            "process": _("of this process alone"),
        }  # fmt: skip
        return TemplateResponse(request, "admin/django_taskq/job/overview.html", context)

    def _live(self, request: HttpRequest, alias: str, answer: Sight | NoAnswer) -> dict[str, Any]:
        if isinstance(answer, NoAnswer):
            return {"alias": alias, "silence": answer.told()}
        glance = answer.glance
        oldest = glance.oldest_ready_at
        age = None if oldest is None else max(timedelta(0), glance.now - oldest)
        return {
            "alias": alias,
            "is_pool": answer.is_pool,
            "depths": [
                {"shown": number(glance.depth(state)), "link": self._link(request, answer, state)}
                for state in _STATES
            ],
            "oldest": cells.span(age),
            "alive": len(glance.alive),
            "lost": len(glance.workers) - len(glance.alive),
            "queues": [
                {
                    "name": cells.line(queue),
                    "ready": number(glance.ready_in(queue)),
                    "oldest": cells.span(
                        max(timedelta(0), glance.now - glance.oldest_by_queue[queue])
                        if queue in glance.oldest_by_queue
                        else None
                    ),
                }
                for queue in glance.queues
                if queue
            ],
        }

    def _link(self, request: HttpRequest, sight: Sight, state: State) -> str:
        """Return where an alias's jobs in a state are: in the list, if they are rows."""
        if sight.alias in rowless_aliases():
            return live_address(self.admin_site, request)
        query = {
            places.DATABASE_PARAMETER: control.database_of(sight.alias),
            places.BACKEND_PARAMETER: sight.alias,
            "state": state.value,
        }
        name = f"admin:{Job._meta.app_label}_{Job._meta.model_name}_changelist"
        return f"{reverse(name, current_app=self.admin_site.name)}?{urlencode(query)}"


def _chosen(found: dict[str, Sight | NoAnswer], wanted: str | None) -> Sight | None:
    """Return the alias to show over time: the one named, or the first that answers."""
    sights = {alias: each for alias, each in found.items() if isinstance(each, Sight)}
    if wanted in found:
        return sights.get(wanted)
    # One that has anything to show first.
    busy = (each for each in sights.values() if each.trend.rollups)
    return next(busy, next(iter(sights.values()), None))


def _periods(chosen: Period, backend: str | None) -> list[dict[str, Any]]:
    kept = {} if backend is None else {places.BACKEND_PARAMETER: backend}
    return [
        {
            "shown": _SHOWN[period.name],
            "is_chosen": period is chosen,
            "query": urlencode({PERIOD_PARAMETER: period.name, **kept}),
        }
        for period in PERIODS
    ]


def _backends(
    found: dict[str, Sight | NoAnswer], chosen: Sight | None, period: Period
) -> list[dict[str, Any]]:
    if len(found) < 2:
        return []
    return [
        {
            "shown": cells.line(alias),
            "is_chosen": chosen is not None and alias == chosen.alias,
            "query": urlencode({PERIOD_PARAMETER: period.name, places.BACKEND_PARAMETER: alias}),
        }
        for alias in found
    ]


def _warnings(found: dict[str, Sight | NoAnswer]) -> list[dict[str, str]]:
    told = []
    for alias, answer in found.items():
        sentences: Sequence[str] = (
            [answer.told()]
            if isinstance(answer, NoAnswer)
            else [advice.text for advice in answer.advice]
        )
        told += [{"alias": alias, "text": cells.line(text, 1000)} for text in sentences]
    return told


def _tiles(total: Counts) -> list[tuple[str, str]]:
    ended = sum(
        total.of(ending)
        for ending in (Ending.SUCCESSFUL, Ending.FAILED, Ending.CANCELED, Ending.LOST)
    )
    return [
        (_("Jobs that ended"), whole(ended)),
        (_("Failed for good"), whole(total.of(Ending.FAILED) + total.of(Ending.LOST))),
        (_("Wait, p95"), seconds(total.waits.quantile(0.95))),
        (_("Run time, p95"), seconds(total.runs.quantile(0.95))),
    ]
