"""The page of jobs and workers that are in no table: Redis, and the pools of this process."""

import os
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.tasks.exceptions import TaskResultDoesNotExist
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_taskq import control
from django_taskq.admin import actions, cells, stopping
from django_taskq.admin.actions import Done, Picked, Told, Verb, Words
from django_taskq.admin.confirming import confirm, is_confirmed
from django_taskq.admin.deeds import DEEDS
from django_taskq.admin.live_numbers import Look, live_aliases, look
from django_taskq.health import MAX_STALL
from django_taskq.jobs.depths import Depth, depths
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.management.tables import size
from django_taskq.models import Job, Worker
from django_taskq.questions import NoAnswer

NAME = "django_taskq_worker_live"
MOST_LANES = 50
STOP = "stop"


class JobVerb(NamedTuple):
    """Something to be done to chosen jobs, with the permission that it needs."""

    button: Words
    permission: str
    verb: Verb
    told: Words
    past: Told


VERBS = {
    "cancel": JobVerb(
        gettext_lazy("Cancel"), "cancel_job", actions.cancel,
        gettext_lazy("jobs that wait are canceled, and running ones asked to stop"),
        DEEDS["cancel_jobs"].past,
    ),
    "run_now": JobVerb(
        gettext_lazy("Run now"), "run_job", actions.run_now,
        gettext_lazy("scheduled jobs become ready"), DEEDS["run_jobs_now"].past,
    ),
    "retry": JobVerb(
        gettext_lazy("Retry"), "retry_job", actions.retry,
        gettext_lazy("failed jobs run again"), DEEDS["retry_jobs"].past,
    ),
    "requeue": JobVerb(
        gettext_lazy("Enqueue a copy"), "requeue_job", actions.requeue,
        gettext_lazy("a copy of each job is enqueued"), DEEDS["requeue_jobs"].past,
    ),
}  # fmt: skip


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
            "title": _("Live"),
            "opts": self.opts,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "may_see": may_see,
            "sections": [self._section(request, alias, answers[alias]) for alias in aliases],
        }
        return TemplateResponse(request, "admin/django_taskq/worker/live.html", context)

    # What is shown.

    def _section(self, request: HttpRequest, alias: str, answer: Look | NoAnswer) -> dict[str, Any]:
        if isinstance(answer, NoAnswer):
            return {"alias": alias, "silent": answer.told()}
        insights = answer.insights
        lanes = depths(insights.lanes, lambda lane: (lane.queue, lane.tenant))
        ordered = sorted(lanes, key=lambda lane: (-sum(lanes[lane]), *lane))
        running = [job for job in answer.jobs if job.state == State.RUNNING]
        return {
            "alias": alias,
            "is_local": answer.is_local,
            "is_walked": answer.is_walked,
            "depth": _told(_whole(lanes.values())),
            "oldest": _age(insights.oldest_ready_at, insights.now),
            "lanes": [
                (cells.line(queue), cells.tenant(tenant), *lanes[queue, tenant])
                for queue, tenant in ordered[:MOST_LANES]
            ],
            "more_lanes": max(0, len(lanes) - MOST_LANES),
            "workers": [_worker(worker, insights.now, running) for worker in insights.workers],
            "jobs": [_job(job, insights.now) for job in answer.jobs],
            "may_stop": stopping.may_stop(request) and not answer.is_local,
            "verbs": [(name, verb.button) for name, verb in VERBS.items() if _may(request, verb)],
        }

    # What is done.

    def _act(self, request: HttpRequest) -> HttpResponse:
        back = reverse(f"admin:{NAME}", current_app=self.admin_site.name)
        alias, action = request.POST.get("backend", ""), request.POST.get("action", "")
        if alias not in live_aliases():
            told = _("There is no such backend here: %(alias)s.") % {"alias": cells.line(alias)}
            messages.error(request, told)
        elif action == STOP:
            return self._stop(request, alias, back)
        elif action in VERBS:
            return self._change(request, alias, action, back)
        return HttpResponseRedirect(back)

    def _stop(self, request: HttpRequest, alias: str, back: str) -> HttpResponse:
        if not stopping.may_stop(request):
            raise PermissionDenied
        ids = request.POST.getlist("worker")
        if not ids:
            messages.warning(request, _("No worker was chosen."))
        elif not is_confirmed(request):
            told = stopping.stop_told(len(ids))
            return self._confirm(request, _("Ask to stop"), told, ids, "worker", back)
        else:
            asked = control.store_of(alias).ask_stop(ids)
            _log(request, Worker, ((id, id, stopping.ASKED) for id in asked))
            stopping.tell(request, len(asked), len(ids) - len(asked))
        return HttpResponseRedirect(back)

    def _change(self, request: HttpRequest, alias: str, action: str, back: str) -> HttpResponse:
        verb = VERBS[action]
        if not (_may(request, verb) and request.user.has_perm("django_taskq.view_job")):
            raise PermissionDenied
        ids = request.POST.getlist("job")
        if not ids:
            messages.warning(request, _("No job was chosen."))
        elif not is_confirmed(request):
            told = _("%(count)d chosen of %(alias)s: %(told)s.") % {
                "count": len(ids), "alias": alias, "told": verb.told,
            }  # fmt: skip
            return self._confirm(request, verb.button, told, ids, "job", back)
        else:
            _apply(request, alias, verb, ids)
        return HttpResponseRedirect(back)

    def _confirm(
        self,
        request: HttpRequest,
        button: Words,
        told: str,
        ids: Sequence[str],
        what: str,
        back: str,
    ) -> HttpResponse:
        hidden = [(what, id) for id in ids]
        hidden += [(name, request.POST[name]) for name in ("backend", "action")]
        return confirm(self, request, button, told, ids, hidden, back)


def _apply(request: HttpRequest, alias: str, verb: JobVerb, ids: Sequence[str]) -> None:
    """Do it to those that are still there; they may have ended since they were shown."""
    try:
        known = control.locate(ids, [alias])
        picked = [Picked(record.id, alias, record.task) for record in known.values()]
        done = list(verb.verb(alias, picked)) if picked else []
    except TaskResultDoesNotExist:
        messages.error(request, _("Some of these jobs are gone; look again."))
        return
    except control.store_of(alias).outages as error:
        told = _("%(alias)s does not answer: %(error)s")
        messages.error(request, told % {"alias": alias, "error": cells.line(str(error))})
        return
    changed = [item for item in done if item.note is not None]
    _log(request, Job, (_entry(item) for item in changed))
    if changed:
        messages.success(request, verb.past(len(changed)))
    if left := len(ids) - len(changed):
        why = _("they had moved on, or are gone")
        messages.warning(request, actions.left_as_before(left, why))


def _entry(item: Done) -> tuple[str, str, str]:
    return item.job.id, f"{item.job.task} {item.job.id}", item.note or ""


def _log(request: HttpRequest, kind: Any, entries: Iterable[tuple[str, str, str]]) -> None:
    user_id: Any = request.user.pk
    content_type_id = ContentType.objects.get_for_model(kind).pk
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user_id, content_type_id=content_type_id, object_id=id,
            object_repr=told[:200], action_flag=CHANGE, change_message=message,
        )
        for id, told, message in entries
    )  # fmt: skip


def _may(request: HttpRequest, verb: JobVerb) -> bool:
    return bool(request.user.has_perm(f"django_taskq.{verb.permission}"))


def _whole(parts: Iterable[Depth]) -> Depth:
    return Depth(*map(sum, zip(*parts, strict=True))) if (parts := list(parts)) else Depth()


def _told(depth: Depth) -> str:
    return (
        _("%(ready)d ready, %(scheduled)d scheduled, %(deferred)d deferred, %(running)d running")
        % depth._asdict()
    )


def _age(since: datetime | None, now: datetime) -> str:
    return cells.span(None if since is None else max(timedelta(0), now - since))


def _worker(worker: WorkerRecord, now: datetime, running: Sequence[JobRecord]) -> dict[str, Any]:
    held = [job for job in running if job.worker_id == worker.id]
    return {
        "id": worker.id,
        "shown": cells.line(worker.id),
        "host": cells.line(worker.host),
        "pid": worker.pid,
        "is": _standing(worker),
        "beat": _age(worker.beat_at, now),
        "progress": _age(worker.progress_at, now),
        "memory": size(worker.memory) or cells.NOTHING,
        "queues": _("all") if worker.queues is None else cells.line(", ".join(worker.queues)),
        "tenants": _("all") if worker.assignment is None else cells.assignment(worker.assignment),
        "running": worker.running,
        "jobs": [(cells.line(job.task), _age(_since(job), now)) for job in held[:3]],
    }


def _standing(worker: WorkerRecord) -> str:
    if not worker.is_alive:
        return _("lost")
    if worker.is_stop_asked:
        return _("stopping")
    return _("stalled") if worker.stall.total_seconds() > MAX_STALL else _("alive")


def _job(job: JobRecord, now: datetime) -> dict[str, Any]:
    return {
        "id": job.id,
        "task": cells.line(job.task),
        "queue": cells.line(job.queue),
        "tenant": cells.tenant(job.tenant),
        "state": str(job.state),
        "age": _age(_since(job), now),
        "tries": job.tries,
        "worker": cells.line(job.worker_id),
    }


def _since(job: JobRecord) -> datetime | None:
    """Return since when a job runs, has ended or waits."""
    if job.state == State.RUNNING:
        started, claimed = job.last_attempted_at, job.claimed_at
        return (
            claimed if started is None or (claimed is not None and started < claimed) else started
        )
    return job.finished_at or job.enqueued_at
