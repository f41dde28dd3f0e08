"""Failed jobs in the admin, grouped by task and error: what fails most, and a retry of it all."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext

from django_taskq import failures
from django_taskq.admin import actions, cells, places
from django_taskq.admin.actions import Picked
from django_taskq.admin.deeds import will_run_again
from django_taskq.admin.job_actions import JobActions
from django_taskq.failures import FailedJobs, FailureGroup

DAYS = (1, 7, 30)
DAYS_PARAMETER = "days"
NAME = "django_taskq_job_failures"


class FailurePages(JobActions):
    """The page of failures, which belongs to the list of jobs."""

    def get_urls(self) -> list[URLPattern]:
        """Put the page before the pages of single jobs, whose address would take it in."""
        view = self.admin_site.admin_view(self.failures_view)
        return [path("failures/", view, name=NAME), *super().get_urls()]

    def failures_view(self, request: HttpRequest) -> HttpResponse:
        """Show the groups; on a POST ask about one of them, or retry it once that is confirmed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        alias = places.chosen_alias(request)
        request.current_app = self.admin_site.name
        if request.method != "POST":
            return self._groups(request, alias)
        if alias is None or not self.has_retry_permission(request):
            raise PermissionDenied
        if request.POST.get("confirmed"):
            return self._retried(request, alias)
        return self._question(request, alias)

    def _groups(self, request: HttpRequest, alias: str | None) -> HttpResponse:
        found = FailedJobs((), False)
        if alias is not None:
            found = failures.failed_jobs(alias, _since(request))
        return self._page(
            request,
            "failures.html",
            groups=[self._row(group) for group in failures.groups_of(found.jobs)],
            count=len(found.jobs),
            is_cut=found.is_cut,
            may_retry=self.has_retry_permission(request),
            choices=_choices(request, alias),
        )

    def _question(self, request: HttpRequest, alias: str) -> HttpResponse:
        """Ask about the jobs that have failed by now; what fails later is not retried unseen."""
        until = timezone.now()
        task, error = _group_in(request)
        found = failures.failed_jobs(alias, _since(request), until)
        return self._page(
            request,
            "retry_failures.html",
            count=len(found.of(task, error)),
            is_cut=found.is_cut,
            group={"task": task, "error": error},
            until=until.isoformat(),
            shown_task=cells.line(task),
            shown_error=cells.line(error),
        )

    def _retried(self, request: HttpRequest, alias: str) -> HttpResponse:
        found = failures.failed_jobs(alias, _since(request), _until(request))
        picked = [Picked(job.id, alias, job.task) for job in found.of(*_group_in(request))]
        if picked:
            why = _("they had been retried meanwhile")
            actions.run_picked(request, picked, actions.retry, will_run_again, why)
        else:
            messages.warning(request, _("No job of the group has failed any more: look again."))
        return HttpResponseRedirect(self._address(request))

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "title": _("Failures"),
            "opts": self.opts,
            "span": _span_of(_days(request)),
            "most": failures.MOST,
            "address": self._address(request),
            **context,
        }
        return TemplateResponse(request, f"admin/django_taskq/job/{template}", shown)

    def _row(self, group: FailureGroup) -> dict[str, Any]:
        job = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return {
            "task": group.task,
            "error": group.error,
            "shown_task": cells.line(group.task),
            "shown_error": cells.line(group.error),
            "count": group.count,
            "first": cells.moment(group.first_at),
            "last": cells.moment(group.last_at),
            "newest": reverse(job, args=(group.newest_id,), current_app=self.admin_site.name),
        }

    def _address(self, request: HttpRequest) -> str:
        """Return the page with what the reader has chosen."""
        address = reverse(f"admin:{NAME}", current_app=self.admin_site.name)
        chosen = request.GET.urlencode()
        return f"{address}?{chosen}" if chosen else address


def _days(request: HttpRequest) -> int:
    given = request.GET.get(DAYS_PARAMETER, "")
    return int(given) if given in map(str, DAYS) else DAYS[0]


def _days_told(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


def _span_of(days: int) -> str:
    """Return so many days as they stand behind "within"."""
    return npgettext("within", "%(days)d day", "%(days)d days", days) % {"days": days}


def _since(request: HttpRequest) -> datetime:
    return timezone.now() - timedelta(days=_days(request))


def _until(request: HttpRequest) -> datetime:
    """Return the moment of the question; one that cannot be read is that of the answer."""
    try:
        given = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        given = None
    now = timezone.now()
    return (
        given if given is not None and timezone.is_aware(given) == timezone.is_aware(now) else now
    )


def _group_in(request: HttpRequest) -> tuple[str, str]:
    return request.POST.get("task", ""), request.POST.get("error", "")


def _choices(request: HttpRequest, alias: str | None) -> list[list[dict[str, Any]]]:
    """Return the links to other days, and to other aliases and databases if there are any."""
    days_back = [
        _choice(request, _days_told(days), days == _days(request),
                **{DAYS_PARAMETER: str(days)})
        for days in DAYS
    ]  # fmt: skip
    aliases = []
    for database in places.databases():
        for name in places.aliases_in(database):
            chosen = {places.DATABASE_PARAMETER: database, places.BACKEND_PARAMETER: name}
            aliases.append(_choice(request, name, name == alias, **chosen))
    return [days_back, aliases] if len(aliases) > 1 else [days_back]


def _choice(request: HttpRequest, shown: str, is_chosen: bool, **changes: str) -> dict[str, Any]:
    query: QueryDict = request.GET.copy()
    for name, value in changes.items():
        query[name] = value
    return {"shown": shown, "is_chosen": is_chosen, "query": query.urlencode()}
