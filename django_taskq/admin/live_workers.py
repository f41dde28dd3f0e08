"""Workers that are in no table: those of Redis, and those of the pools of this process."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells, stopping
from django_taskq.admin.live_numbers import Crew, live_aliases, look_at_workers
from django_taskq.advice import told_of_silence
from django_taskq.health import MAX_STALL
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import WorkerRecord
from django_taskq.management.tables import size
from django_taskq.models import Job, Worker
from django_taskq.questions import NoAnswer

# Jobs that are shown of one worker.
MOST_JOBS = 3


def worker_sections(site: admin.AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    """Return for each alias whose workers are in no table who they are, or why that is not told.

    A pool that has none is left out: it starts one with its first job.
    """
    aliases = live_aliases()
    answers = look_at_workers(aliases, has_jobs=may_see_jobs(site, request))
    sections = [section_of(site, request, alias, answers[alias]) for alias in aliases]
    return [each for each in sections if each["workers"] or not each.get("is_local")]


def section_of(
    site: admin.AdminSite, request: HttpRequest, alias: str, answer: Crew | NoAnswer
) -> dict[str, Any]:
    """Return what the table of the workers of one alias shows."""
    if isinstance(answer, NoAnswer):
        return {"alias": alias, "silent": f"{alias}: {answer.told()}", "workers": []}
    workers = sorted(answer.workers, key=lambda worker: worker.beat_at, reverse=True)
    return {
        "alias": alias,
        "silent": "" if answer.is_complete else told_of_silence(alias),
        "is_local": answer.is_local,
        "workers": [_cells_of(site, worker, answer.now, answer.running) for worker in workers],
        "may_stop": stopping.may_stop(request) and not answer.is_local,
        "no_worker": _("It starts a worker with its first job.")
        if answer.is_local
        else _("No worker is alive. Start one: manage.py runworker --backend %(alias)s")
        % {"alias": alias},
        "may_not_stop": _("Workers of a pool stop with its process.") if answer.is_local else "",
    }


def may_see_jobs(site: admin.AdminSite, request: HttpRequest) -> bool:
    """Tell whether the reader may see jobs, so that a worker's page may show which it runs."""
    return site.is_registered(Job) and site.get_model_admin(Job).has_view_permission(request)


def job_link(site: admin.AdminSite, id: str, shown: str) -> SafeString | str:
    """Return a link to the page of a job; a site may have none."""
    if not site.is_registered(Job):
        return shown
    address = reverse("admin:django_taskq_job_change", args=(id,), current_app=site.name)
    return format_html('<a href="{}">{}</a>', address, shown)


def live_address(site: admin.AdminSite, request: HttpRequest) -> str:
    """Return where the page of Redis and pools is, for who may see it."""
    is_there = site.is_registered(Worker)
    if not (is_there and site.get_model_admin(Worker).has_view_permission(request)):
        return ""
    return reverse("admin:django_taskq_worker_live", current_app=site.name)


def standing(worker: WorkerRecord) -> str:
    """Tell whether the lease is held, a stop was asked for, and the claim loop advances."""
    if not worker.is_alive:
        return _("lost")
    if worker.is_stop_asked:
        return _("stopping")
    return _("stalled") if worker.stall.total_seconds() > MAX_STALL else _("alive")


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago something was, no less than nothing."""
    return cells.span(None if since is None else max(timedelta(0), now - since))


def since(job: JobRecord) -> datetime | None:
    """Return since when a job runs, has ended or waits."""
    if job.state == State.RUNNING:
        started, claimed = job.last_attempted_at, job.claimed_at
        return (
            claimed if started is None or (claimed is not None and started < claimed) else started
        )
    return job.finished_at or job.enqueued_at


def _cells_of(
    site: admin.AdminSite, worker: WorkerRecord, now: datetime, running: Iterable[JobRecord]
) -> dict[str, Any]:
    held = [job for job in running if job.worker_id == worker.id]
    held.sort(key=lambda job: since(job) or now)
    return {
        "id": worker.id,
        "shown": cells.line(worker.id),
        "host": cells.line(worker.host),
        "supervisor": worker.supervisor_pid or cells.NOTHING,
        "pid": worker.pid,
        "is": standing(worker),
        "beat": age(worker.beat_at, now),
        "progress": age(worker.progress_at, now),
        "memory": size(worker.memory) or cells.NOTHING,
        "slots": slots(worker),
        "queues": _("all") if worker.queues is None else cells.line(", ".join(worker.queues)),
        "tenants": _("all") if worker.assignment is None else cells.assignment(worker.assignment),
        "running": worker.running,
        "jobs": _shown(site, held[:MOST_JOBS], now),
        "more": max(0, worker.running - len(held[:MOST_JOBS])) if held else 0,
    }


def _shown(site: admin.AdminSite, held: Sequence[JobRecord], now: datetime) -> list[Any]:
    return [(job_link(site, job.id, cells.line(job.task)), age(since(job), now)) for job in held]


def slots(worker: Any) -> str:
    """Return how many jobs a worker runs at a time; takes a row or a record."""
    if worker.is_solo:
        return _("solo: one suspect")
    if worker.threads is None:
        return cells.NOTHING
    return _("%(threads)d in threads, %(async)d async") % {
        "threads": worker.threads, "async": worker.async_concurrency,
    }  # fmt: skip
