"""The page of what is not in tables alone: Redis, and the pools of this process."""

import os
import socket
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from django_taskq import control
from django_taskq.admin import cells, live_workers, stopping
from django_taskq.admin.confirming import is_confirmed
from django_taskq.admin.live_numbers import Look, live_aliases, look
from django_taskq.admin.live_verbs import VERBS, ask_again, change_jobs, log, offered
from django_taskq.admin.live_workers import age, job_link, since
from django_taskq.jobs.depths import Depth, depths
from django_taskq.jobs.record import JobRecord
from django_taskq.models import Worker
from django_taskq.questions import NoAnswer

NAME = "django_taskq_worker_live"
MOST_LANES = 50
STOP = "stop"
# What the list of workers says of itself, to come back to it.
LIST = "list"


class LivePage(admin.ModelAdmin):
    """Adds the page to the admin of workers."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.live_view)
        return [path("live/", view, name=NAME), *super().get_urls()]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Show what these stores hold, or do to chosen jobs and workers what was asked for."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        if request.method == "POST":
            return self._act(request)
        may_see = request.user.has_perm("django_taskq.view_job")
        aliases = live_aliases()
        answers = look(aliases, has_jobs=may_see)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Redis and pools"),
            "opts": self.opts,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "may_see": may_see,
            "sections": [self._section(request, alias, answers[alias]) for alias in aliases],
        }
        return TemplateResponse(request, "admin/django_taskq/worker/live.html", context)

    # What is shown.

    def _section(self, request: HttpRequest, alias: str, answer: Look | NoAnswer) -> dict[str, Any]:
        crew = answer if isinstance(answer, NoAnswer) else answer.crew
        section = live_workers.section_of(self.admin_site, request, alias, crew)
        if isinstance(answer, NoAnswer):
            return section
        insights = answer.insights
        lanes = depths(insights.lanes, lambda lane: (lane.queue, lane.tenant))
        ordered = sorted(lanes, key=lambda lane: (-sum(lanes[lane]), *lane))
        return section | {
            "is_walked": answer.is_walked,
            "has_told": True,
            "depth": _told(_whole(lanes.values())) if lanes else "",
            "oldest": insights.oldest_ready_at and age(insights.oldest_ready_at, insights.now),
            "lanes": [
                (cells.line(queue), cells.tenant(tenant), *lanes[queue, tenant])
                for queue, tenant in ordered[:MOST_LANES]
            ],
            "more_lanes": max(0, len(lanes) - MOST_LANES),
            "jobs": [_job(self.admin_site, job, insights.now) for job in answer.jobs],
            "verbs": offered(request, {job.state for job in answer.jobs}),
        }

    # What is done.

    def _act(self, request: HttpRequest) -> HttpResponse:
        is_of_list = request.POST.get("page") == LIST
        name = "django_taskq_worker_changelist" if is_of_list else NAME
        back = reverse(f"admin:{name}", current_app=self.admin_site.name)
        alias, action = request.POST.get("backend", ""), request.POST.get("action", "")
        if alias not in live_aliases():
            told = _("There is no such backend here: %(alias)s.") % {"alias": cells.line(alias)}
            messages.error(request, told)
        elif action == STOP:
            return self._stop(request, alias, back)
        elif action in VERBS:
            return change_jobs(self, request, alias, action, back)
        return HttpResponseRedirect(back)

    def _stop(self, request: HttpRequest, alias: str, back: str) -> HttpResponse:
        if not stopping.may_stop(request):
            raise PermissionDenied
        ids = request.POST.getlist("worker")
        if not ids:
            messages.warning(request, _("No worker was chosen."))
        elif not is_confirmed(request):
            told = stopping.stop_told(len(ids))
            return ask_again(self, request, _("Ask to stop"), told, ids, "worker", back)
        else:
            asked = control.store_of(alias).ask_stop(ids)
            log(request, Worker, ((id, id, stopping.ASKED) for id in asked))
            stopping.tell(request, len(asked), len(ids) - len(asked))
        return HttpResponseRedirect(back)


def _whole(parts: Iterable[Depth]) -> Depth:
    return Depth(*map(sum, zip(*parts, strict=True))) if (parts := list(parts)) else Depth()


def _told(depth: Depth) -> str:
    return (
        _("%(ready)d ready, %(scheduled)d scheduled, %(deferred)d deferred, %(running)d running")
        % depth._asdict()
    )


def _job(site: admin.AdminSite, job: JobRecord, now: datetime) -> dict[str, Any]:
    return {
        "id": job.id,
        "link": job_link(site, job.id, job.id),
        "task": cells.line(job.task),
        "queue": cells.line(job.queue),
        "tenant": cells.tenant(job.tenant),
        "state": str(job.state),
        "age": age(since(job), now),
        "tries": job.tries,
        "worker": cells.line(job.worker_id),
    }
