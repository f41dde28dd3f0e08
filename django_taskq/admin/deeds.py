"""The actions on jobs that the admin offers: what each is called, asks, does and needs."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_taskq import control
from django_taskq.admin import actions
from django_taskq.admin.actions import Told, Verb, Words
from django_taskq.jobs.amendment import Amendment
from django_taskq.models import Job

AMEND = "amend_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action on jobs.

    `will` says what becomes of the jobs, `past` of how many it has, `why` completes "2 left as they
    were: ...".
    """

    title: Words
    permission: str
    will: Words
    past: Told
    why: Words
    verb: Verb | None = None

    def verb_with(self, options: dict[str, Any]) -> Verb:
        """Return what is done to the jobs, with what the reader has given for it."""
        return self.verb or actions.amending(Amendment(**options))


def will_run_again(count: int) -> str:
    """Tell how many jobs were retried."""
    return ngettext("%(count)d job will run again.", "%(count)d jobs will run again.", count) % {
        "count": count
    }


DEEDS = {
    "retry_jobs": Deed(
        title=_("Retry"),
        permission="retry_job",
        will=_("Those that failed, were canceled or skipped run again, with fresh tries."),
        past=will_run_again,
        why=_("only failed, canceled and skipped jobs can be retried"),
        verb=actions.retry,
    ),
    "cancel_jobs": Deed(
        title=_("Cancel"),
        permission="cancel_job",
        will=_("Those that wait are canceled, running ones are asked to stop."),
        past=lambda count: (
            ngettext(
                "%(count)d job canceled, or asked to stop.",
                "%(count)d jobs canceled, or asked to stop.",
                count,
            )
            % {"count": count}
        ),
        why=_("they had ended before"),
        verb=actions.cancel,
    ),
    "requeue_jobs": Deed(
        title=_("Enqueue a copy"),
        permission="requeue_job",
        will=_("Those that still exist are enqueued again as copies, whatever their state."),
        past=lambda count: (
            ngettext(
                "%(count)d job enqueued again as a copy.",
                "%(count)d jobs enqueued again as a copy.",
                count,
            )
            % {"count": count}
        ),
        why=_("they are gone"),
        verb=actions.requeue,
    ),
    "run_jobs_now": Deed(
        title=_("Run now"),
        permission="run_job",
        will=_("Those that wait for a time are ready at once."),
        past=lambda count: (
            ngettext("%(count)d job ready now.", "%(count)d jobs ready now.", count)
            % {"count": count}
        ),
        why=_("only scheduled jobs wait for a time"),
        verb=actions.run_now,
    ),
    AMEND: Deed(
        title=_("Change queue or priority"),
        permission="amend_job",
        will=_(
            "Those that wait get the queue and the priority that you give, and keep their times."
        ),
        past=lambda count: (
            ngettext("%(count)d job changed.", "%(count)d jobs changed.", count) % {"count": count}
        ),
        why=_("only jobs that wait can be changed"),
    ),
    "delete_jobs": Deed(
        title=_("Delete"),
        permission="delete_job",
        will=_("Those that have ended are deleted with their history."),
        past=lambda count: (
            ngettext("%(count)d job deleted.", "%(count)d jobs deleted.", count) % {"count": count}
        ),
        why=_("only jobs that have ended can be deleted"),
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
        wrong = gettext("priority: expected a whole number from -100 to 100, got %(given)r.")
        return {}, wrong % {"given": given}
    options: dict[str, Any] = {"queue": queue, "priority": priority}
    return options, control.check_form(Amendment(**options))
