"""What operators do to the jobs they have selected: by the store, with an entry in the log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched, groupby
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.tasks.exceptions import TaskResultDoesNotExist
from django.template.response import TemplateResponse

from django_taskq import control
from django_taskq.models import Job
from django_taskq.stores.base import Change

MOST = 10_000
BATCH = 500
MOST_REASONS = 20


class Picked(NamedTuple):
    """A selected job, as much of it as the log and the store need."""

    id: str
    backend: str
    task: str


class Done(NamedTuple):
    """What became of a selected job; `note` is None where it stayed as it was.

    `why` says so where that has a reason of this job's own.
    """

    job: Picked
    note: str | None
    why: str | None = None


type Verb = Callable[[str, Sequence[Picked]], Iterator[Done]]


def run(request: HttpRequest, queryset: QuerySet[Job], verb: Verb, past: str, why: str) -> None:
    """Apply a verb to the selected jobs, log what it changed, tell the reader."""
    run_picked(request, _picked(queryset), verb, past, why)


def run_picked(
    request: HttpRequest, picked: Sequence[Picked], verb: Verb, past: str, why: str
) -> None:
    """Apply a verb to these jobs, log what it changed, tell the reader."""
    done = [
        item for alias, jobs in _by_alias(picked) for item in _applied(request, alias, jobs, verb)
    ]
    changed = [item for item in done if item.note is not None]
    _log(request, changed, DELETION if verb is delete else CHANGE)
    if changed:
        messages.success(request, f"{len(changed)} {_jobs(changed)} {past}.")
    stayed = [item for item in done if item.note is None]
    if left := sum(item.why is None for item in stayed):
        messages.warning(request, f"{left} left as they were: {why}.")
    _tell_reasons(request, [item for item in stayed if item.why is not None])
    if len(picked) == MOST:
        messages.warning(request, f"Only the first {MOST} were taken; do it again for the rest.")


def _tell_reasons(request: HttpRequest, stayed: Sequence[Done]) -> None:
    """Say of each job that has a reason of its own why it stayed as it was."""
    for job, _, why in stayed[:MOST_REASONS]:
        messages.warning(request, f"Job {job.id} was left as it was: {why}.")
    if len(stayed) > MOST_REASONS:
        messages.warning(request, f"{len(stayed) - MOST_REASONS} more were left for such reasons.")


def retry(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Run ended jobs again."""
    return _changed(jobs, control.retry_many([job.id for job in jobs], alias))


def cancel(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Cancel what waits, ask what runs to stop."""
    return _changed(jobs, control.cancel_many([job.id for job in jobs], alias))


def run_now(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Make scheduled jobs ready."""
    return _changed(jobs, control.run_now_many([job.id for job in jobs], alias))


def requeue(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Enqueue copies."""
    for job in jobs:
        copies = control.requeue_many([job.id], alias)
        yield Done(job, f"Enqueued the copy {copies[0]}." if copies else None)


def delete(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Delete those that have ended."""
    ids = [job.id for job in jobs]
    control.delete_many(ids, alias)
    left = control.locate(ids, [alias])
    for job in jobs:
        yield Done(job, None if job.id in left else "Deleted.")


def acts[F: Callable[..., Any]](permission: str, one: str, many: str) -> Callable[[F], F]:
    """Make a method an action of the list, and from Django 6.1 on of a row's own page too."""

    def mark(method: F) -> F:
        marked: Any = admin.action(permissions=[permission], description=many)(method)
        locations = getattr(admin, "ActionLocation", None)
        if locations is not None:
            marked.locations = list(locations)
            marked.short_description, marked.plural_description = one, many
        return method

    return mark


class JobActions(admin.ModelAdmin):
    """The actions of the list of jobs; each has a permission of its own."""

    actions = ("retry_jobs", "cancel_jobs", "requeue_jobs", "run_jobs_now", "delete_jobs")

    @acts("retry", "Retry", "Retry the selected jobs")
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Run failed, canceled and skipped jobs again, with fresh tries."""
        why = "only failed, canceled and skipped jobs can be retried"
        run(request, queryset, retry, "will run again", why)

    @acts("cancel", "Cancel", "Cancel the selected jobs")
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel jobs that wait, ask running ones to stop."""
        run(request, queryset, cancel, "canceled, or asked to stop", "they had ended before")

    @acts("requeue", "Enqueue a copy", "Enqueue a copy of the selected jobs")
    def requeue_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Enqueue a copy of each job."""
        run(request, queryset, requeue, "enqueued again as a copy", "they are gone")

    @acts("run", "Run now", "Run the selected scheduled jobs now")
    def run_jobs_now(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Make scheduled jobs ready before their time."""
        run(request, queryset, run_now, "ready now", "only scheduled jobs wait for a time")

    @admin.action(permissions=["remove"], description="Delete the selected ended jobs")
    def delete_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> TemplateResponse | None:
        """Delete ended jobs and their history, once the reader has said so twice."""
        if request.POST.get("confirmed"):
            run(request, queryset, delete, "deleted", "only jobs that have ended can be deleted")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Delete jobs",
            "opts": self.opts,
            "count": len(_picked(queryset)),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/django_taskq/job/delete_jobs.html", context)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may retry jobs."""
        return _may(request, "retry_job")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may cancel jobs."""
        return _may(request, "cancel_job")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may enqueue copies."""
        return _may(request, "requeue_job")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may run jobs before their time."""
        return _may(request, "run_job")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may delete jobs, which the store does."""
        return _may(request, "delete_job")


def _may(request: HttpRequest, permission: str) -> bool:
    return bool(request.user.has_perm(f"{Job._meta.app_label}.{permission}"))


def _picked(queryset: QuerySet[Job]) -> list[Picked]:
    columns = queryset.values_list("public_id", "backend", "task")[:MOST]
    return [Picked(str(id), backend, task) for id, backend, task in columns]


def _by_alias(picked: Iterable[Picked]) -> Iterator[tuple[str, tuple[Picked, ...]]]:
    ordered = sorted(picked, key=lambda job: job.backend)
    for alias, jobs in groupby(ordered, key=lambda job: job.backend):
        for batch in batched(jobs, BATCH):
            yield alias, batch


def _applied(
    request: HttpRequest, alias: str, jobs: Sequence[Picked], verb: Verb
) -> Iterator[Done]:
    if alias not in control.durable_aliases():
        messages.error(request, f"TASKS has no alias {alias!r} any more: its jobs cannot change.")
        return
    try:
        yield from list(verb(alias, jobs))
    except TaskResultDoesNotExist:
        messages.error(request, "Some of these jobs were deleted meanwhile; look again.")


def _changed(jobs: Sequence[Picked], changes: Iterable[Change]) -> Iterator[Done]:
    by_id = {job.id: job for job in jobs}
    for change in changes:
        note = None
        if change.is_asked:
            note = "Asked to stop."
        elif change.before != change.after:
            note = f"{change.before} -> {change.after}."
        why = None if change.held_by is None else control.held_by(change.held_by)
        yield Done(by_id[change.id], note, why)


def _jobs(changed: Sequence[Any]) -> str:
    return "job" if len(changed) == 1 else "jobs"


def _log(request: HttpRequest, changed: Iterable[Done], flag: int) -> None:
    """Write an entry for each job under its public id, which its page is found by."""
    user_id: Any = request.user.pk
    content_type_id = ContentType.objects.get_for_model(Job).pk
    LogEntry.objects.bulk_create(
        (
            LogEntry(
                user_id=user_id,
                content_type_id=content_type_id,
                object_id=job.id,
                object_repr=f"{job.task} {job.id}"[:200],
                action_flag=flag,
                change_message=note or "",
            )
            for job, note, _ in changed
        ),
        batch_size=BATCH,
    )
