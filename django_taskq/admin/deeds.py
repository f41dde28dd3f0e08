"""The actions on jobs that the admin offers: what each is called, asks, does and needs."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from django_taskq import control
from django_taskq.admin import actions
from django_taskq.admin.actions import Verb
from django_taskq.jobs.amendment import Amendment
from django_taskq.models import Job

AMEND = "amend_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action on jobs.

    `will` completes "Those ...", `past` "3 jobs ..." and `why` "2 left as they were: ...".
    """

    title: str
    permission: str
    will: str
    past: str
    why: str
    verb: Verb | None = None

    def verb_with(self, options: dict[str, Any]) -> Verb:
        """Return what is done to the jobs, with what the reader has given for it."""
        return self.verb or actions.amending(Amendment(**options))


DEEDS = {
    "retry_jobs": Deed(
        title="Retry",
        permission="retry_job",
        will="that failed, were canceled or skipped run again, with fresh tries",
        past="will run again",
        why="only failed, canceled and skipped jobs can be retried",
        verb=actions.retry,
    ),
    "cancel_jobs": Deed(
        title="Cancel",
        permission="cancel_job",
        will="that wait are canceled, running ones are asked to stop",
        past="canceled, or asked to stop",
        why="they had ended before",
        verb=actions.cancel,
    ),
    "requeue_jobs": Deed(
        title="Enqueue a copy",
        permission="requeue_job",
        will="that still exist are enqueued again as copies, whatever their state",
        past="enqueued again as a copy",
        why="they are gone",
        verb=actions.requeue,
    ),
    "run_jobs_now": Deed(
        title="Run now",
        permission="run_job",
        will="that wait for a time are ready at once",
        past="ready now",
        why="only scheduled jobs wait for a time",
        verb=actions.run_now,
    ),
    AMEND: Deed(
        title="Change queue or priority",
        permission="amend_job",
        will="that wait get the queue and the priority that you give, and keep their times",
        past="changed",
        why="only jobs that wait can be changed",
    ),
    "delete_jobs": Deed(
        title="Delete",
        permission="delete_job",
        will="that have ended are deleted with their history",
        past="deleted",
        why="only jobs that have ended can be deleted",
        verb=actions.delete,
    ),
}


def may(request: HttpRequest, permission: str) -> bool:
    """Tell whether the reader has a permission on jobs."""
    return bool(request.user.has_perm(f"{Job._meta.app_label}.{permission}"))


def options_of(request: HttpRequest, name: str) -> tuple[dict[str, Any], str | None]:
    """Return what the reader has given for a deed, and what is wrong with that."""
    if name != AMEND:
        return {}, None
    queue = request.POST.get("queue", "").strip() or None
    given = request.POST.get("priority", "").strip()
    try:
        priority = int(given) if given else None
    except ValueError:
        return {}, f"priority: expected a whole number from -100 to 100, got {given!r}."
    options: dict[str, Any] = {"queue": queue, "priority": priority}
    return options, control.check_form(Amendment(**options))
