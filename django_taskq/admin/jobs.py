"""Jobs in the admin: a list that is fast at millions of rows, and everything about one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_taskq import control
from django_taskq.admin import cells, filters, places, schedule_cells, xcoms
from django_taskq.admin.failures import FailurePages
from django_taskq.admin.overview import OverviewPage
from django_taskq.admin.paging import CappedPaginator, JobList
from django_taskq.jobs import payload
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.limits import words_of
from django_taskq.jobs.reasons import parked_reason
from django_taskq.jobs.record import visible, visible_options
from django_taskq.jobs.sighting import waiting_reason
from django_taskq.jobs.states import ENDED, WAITING, State
from django_taskq.models import Attempt, Job

MOST_TRIES = 50
# A log is kept whole up to this; its marker of what is missing goes with it.
LONGEST_LOG = 17_000
MOST_WORKERS = 50
LONGEST_REASON = 1000

SECTIONS: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (
        None,
        (
            "id", "task_name", "state_cell", "why_line", "reason_line", "backend", "queue_name",
            "tenant_name", "task_id_name", "run_link", "priority", "limits", "tries", "lost",
        ),
    ),
    ("Call", ("args_block", "kwargs_block", "options_block", "metadata_block")),
    ("Outcome", ("progress_block", "result_block", "xcom_block", "tries_block")),
    ("Time", ("timeline", "schedule_cell", "wait", "run_time")),
    ("Workers", ("worker", "workers")),
)  # fmt: skip


class JobAdmin(OverviewPage, FailurePages):
    """Shows jobs. Nothing is added, changed or deleted here but by the actions."""

    list_display = (
        "id", "task_name", "state_cell", "queue_name", "tenant_name", "priority", "enqueued",
        "wait", "run_time", "tries", "task_id_name",
    )  # fmt: skip
    list_filter = (
        filters.DatabaseFilter, filters.StateFilter, filters.ApartFilter, filters.BackendFilter,
        filters.QueueFilter, filters.TenantFilter,
    )  # fmt: skip
    sortable_by = ()
    search_fields = ("public_id",)
    search_help_text = "The id of a job. Other columns have no index over all jobs."
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 100
    list_max_show_all = 0
    paginator = CappedPaginator
    fieldsets = tuple((name, {"fields": fields}) for name, fields in SECTIONS)
    readonly_fields = tuple(field for _, fields in SECTIONS for field in fields)

    # What the reader may do.

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: jobs are enqueued."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Refuse: only the store changes a job."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Refuse: only the store deletes a job, by an action."""
        return False

    # What is read.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JobList]:
        """Return the list that leaves payloads out."""
        return JobList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs of the database that the page is about."""
        return Job._default_manager.using(places.database_of_page(request)).order_by(
            *filters.order_of(request)
        )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the order of the index that serves the list."""
        return filters.order_of(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Find a job by its id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        id = parse_id(term)
        if id is None:
            messages.warning(request, "Expected the id of a job (a UUID) to search for.")
            return queryset.none(), False
        return queryset.filter(public_id=UUID(id)), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Job | None:
        """Return a job by its public id, in whatever database it is."""
        id = parse_id(object_id)
        if id is None:
            return None
        return self.get_queryset(request).filter(public_id=UUID(id)).first()

    # Columns and fields.

    @admin.display(description="id")
    def id(self, job: Job) -> str:
        """Return the public id."""
        return str(job.public_id)

    @admin.display(description="task")
    def task_name(self, job: Job) -> str:
        """Return the import path of the task."""
        return cells.line(job.task)

    @admin.display(description="state")
    def state_cell(self, job: Job) -> str:
        """Return the state, with the kind of failure."""
        return cells.line(f"{job.state} ({job.failure})" if job.failure else job.state)

    @admin.display(description="queue")
    def queue_name(self, job: Job) -> str:
        """Return the queue."""
        return cells.line(job.queue)

    @admin.display(description="tenant")
    def tenant_name(self, job: Job) -> str:
        """Return the tenant."""
        return cells.line(job.tenant)

    @admin.display(description="task id")
    def task_id_name(self, job: Job) -> str:
        """Return the predictable id."""
        return cells.line(job.task_id)

    @admin.display(description="pipeline run")
    def run_link(self, job: Job) -> SafeString | str:
        """Return the step and the run that the job is part of, with a link."""
        if job.run_id is None:
            return cells.NOTHING
        step = job.node if job.map_index is None else f"{job.node}[{job.map_index}]"
        return format_html(
            '{} of <a href="{}">{}</a>',
            cells.line(step),
            self._run_url(str(job.run_id)),
            job.run_id,
        )

    def _run_url(self, run_id: str) -> str:
        name = "admin:django_taskq_run_change"
        return reverse(name, args=(run_id,), current_app=self.admin_site.name)

    @admin.display(description="enqueued")
    def enqueued(self, job: Job) -> str:
        """Return when the job was enqueued."""
        return cells.moment(job.enqueued_at)

    @admin.display(description="wait")
    def wait(self, job: Job) -> str:
        """Return how long the job stood ready before it first ran, or stands now."""
        until = job.started_at
        if until is None and job.state == State.READY:
            until = _now()
        return cells.span(_between(job.eligible_at, until))

    @admin.display(description="run time")
    def run_time(self, job: Job) -> str:
        """Return how long the last try ran, or runs."""
        if job.state == State.RUNNING:
            return cells.span(_between(job.claimed_at, _now()))
        return cells.span(_between(job.last_attempted_at or job.started_at, job.finished_at))

    @admin.display(description="reason")
    def reason_line(self, job: Job) -> str:
        """Return why the job ended badly, or waits."""
        return cells.line(
            job.reason
            or parked_reason(job.parked_for)
            or job.blocked_for
            or (waiting_reason(job.ctx) if job.state in WAITING else None)
        )

    @admin.display(description="why it is not running")
    def why_line(self, job: Job) -> str:
        """Return why a job that has not ended is not running, or that it is."""
        if job.state in ENDED:
            return cells.NOTHING
        try:
            return cells.line(control.why(str(job.public_id), job.backend), LONGEST_REASON)
        except InvalidTaskBackend:
            return cells.line(
                f"TASKS has no alias {job.backend!r} any more: nobody takes its jobs."
            )
        except TaskResultDoesNotExist:
            return cells.NOTHING

    @admin.display(description="limits")
    def limits(self, job: Job) -> str:
        """Return what bounds how many jobs of the task start."""
        return cells.line(words_of(job.gate))

    @admin.display(description="arguments")
    def args_block(self, job: Job) -> SafeString | str:
        """Return the positional arguments as they are stored."""
        return cells.block(job.args)

    @admin.display(description="keyword arguments")
    def kwargs_block(self, job: Job) -> SafeString | str:
        """Return the keyword arguments as they are stored."""
        return cells.block(job.kwargs)

    @admin.display(description="task options")
    def options_block(self, job: Job) -> SafeString | str:
        """Return the options that using() changed."""
        return cells.block(_shown(job.options, visible_options))

    @admin.display(description="metadata")
    def metadata_block(self, job: Job) -> SafeString | str:
        """Return the metadata without what is hidden; what cannot be read, as it is stored."""
        return cells.block(_shown(job.metadata, visible))

    @admin.display(description="progress")
    def progress_block(self, job: Job) -> SafeString | str:
        """Return what the job last said of its progress."""
        told = words_of_progress(job.progress)
        return cells.block(job.progress) if told is None else cells.line(told)

    @admin.display(description="result")
    def result_block(self, job: Job) -> SafeString | str:
        """Return the return value as it is stored."""
        return cells.block(job.result)

    @admin.display(description="XCom values")
    def xcom_block(self, job: Job) -> SafeString | str:
        """Return what the attempts of the job pushed for others, the last one first."""
        return xcoms.table_of(job)

    @admin.display(description="tries")
    def tries_block(self, job: Job) -> SafeString | str:
        """Return every try that is kept, the last one first, with its traceback."""
        tries = Attempt._default_manager.using(job._state.db).filter(job_id=job.pk)
        kept = list(tries.order_by("-attempt")[: MOST_TRIES + 1])
        shown = format_html_join("", "{}", ((_try(attempt),) for attempt in kept[:MOST_TRIES]))
        if len(kept) > MOST_TRIES:
            return format_html("{}<p>Earlier tries are not shown.</p>", shown)
        return shown or cells.NOTHING

    @admin.display(description="timeline")
    def timeline(self, job: Job) -> SafeString | str:
        """Return the times of the job that are known."""
        return cells.rows(
            (name, cells.moment(moment))
            for name, moment in (
                ("Enqueued", job.enqueued_at),
                ("Not before", job.run_after),
                ("Due", job.due_at),
                ("Ready", job.eligible_at),
                ("Claimed", job.claimed_at),
                ("First started", job.started_at),
                ("Last started", job.last_attempted_at),
                ("Asked to stop", job.cancel_asked_at),
                ("Ended", job.finished_at),
            )
            if moment is not None
        )

    @admin.display(description="schedule")
    def schedule_cell(self, job: Job) -> SafeString | str:
        """Return the schedule whose tick made the job, and the due instant."""
        return schedule_cells.origin_cell(job, self.admin_site.name)

    @admin.display(description="worker")
    def worker(self, job: Job) -> str:
        """Return the worker that holds the job."""
        return cells.line(job.worker_id)

    @admin.display(description="workers of its attempts")
    def workers(self, job: Job) -> SafeString | str:
        """Return the workers that started the job, one an attempt."""
        ids = listed(job.worker_ids)
        if ids is None:
            return cells.block(job.worker_ids)
        shown = format_html_join(
            "", "<li>{}</li>", ((cells.line(id),) for id in ids[-MOST_WORKERS:])
        )
        return format_html("<ol>{}</ol>", shown) if shown else cells.NOTHING


def _try(attempt: Attempt) -> SafeString:
    kind = f"{attempt.verdict}, {attempt.failure}" if attempt.failure else attempt.verdict
    return format_html(
        "<details><summary>Attempt {}: {} on {}, {} ({})</summary><p>{}</p>{}{}</details>",
        attempt.attempt,
        cells.line(kind),
        cells.line(attempt.worker_id),
        cells.moment(attempt.finished_at),
        cells.span(_between(attempt.started_at, attempt.finished_at)),
        cells.line(attempt.reason),
        cells.block(attempt.traceback) if attempt.traceback else "",
        _log(attempt.log),
    )


def _log(log: str | None) -> SafeString | str:
    return format_html("<p>Log</p>{}", cells.block(log, LONGEST_LOG)) if log else ""


def _shown(text: str | None, show: Callable[[Any], Any]) -> str | None:
    """Return stored JSON as a reader may see it; what cannot be read, as it is stored."""
    if text is None:
        return None
    try:
        return payload.encode(show(payload.decode(text)), "what is stored")
    except ValueError:
        return text


def words_of_progress(text: str | None) -> str | None:
    """Return a stored progress in words; None where there is none or it cannot be read."""
    try:
        done, total, message = payload.decode(text or "null")
    except (TypeError, ValueError):
        return None
    numbers = f"{done}" if total is None else f"{done} of {total}"
    return f"{numbers}: {message}" if message else numbers


def listed(text: str | None) -> list[str] | None:
    """Return the ids in a stored list; None where it cannot be read."""
    try:
        value = payload.decode(text or "[]")
    except ValueError:
        return None
    return [str(id) for id in value] if isinstance(value, list) else None


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return None if start is None or end is None else end - start


def _now() -> datetime:
    """Return the present as the rows have it: naive where USE_TZ is off."""
    return timezone.now()
