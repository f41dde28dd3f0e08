"""What is done to jobs that are in no table, from the page of Redis and pools or their own."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.tasks.exceptions import TaskResultDoesNotExist
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_taskq import control
from django_taskq.admin import actions, cells
from django_taskq.admin.actions import Done, Picked, Told, Verb, Words
from django_taskq.admin.confirming import confirm, is_confirmed
from django_taskq.admin.deeds import DEEDS
from django_taskq.jobs.states import ENDED, RETRYABLE, State
from django_taskq.models import Job


class JobVerb(NamedTuple):
    """Something to be done to chosen jobs, with the permission that it needs.

    `states` are those in which it changes anything.
    """

    button: Words
    permission: str
    verb: Verb
    told: Words
    past: Told
    states: frozenset[State]


VERBS = {
    "cancel": JobVerb(
        gettext_lazy("Cancel"), "cancel_job", actions.cancel,
        gettext_lazy("jobs that wait are canceled, and running ones asked to stop"),
        DEEDS["cancel_jobs"].past, frozenset(State) - ENDED,
    ),
    "run_now": JobVerb(
        gettext_lazy("Run now"), "run_job", actions.run_now,
        gettext_lazy("scheduled jobs become ready"), DEEDS["run_jobs_now"].past,
        frozenset({State.SCHEDULED}),
    ),
    "retry": JobVerb(
        gettext_lazy("Retry"), "retry_job", actions.retry,
        gettext_lazy("failed jobs run again"), DEEDS["retry_jobs"].past, RETRYABLE,
    ),
    "requeue": JobVerb(
        gettext_lazy("Enqueue a copy"), "requeue_job", actions.requeue,
        gettext_lazy("a copy of each job is enqueued"), DEEDS["requeue_jobs"].past,
        frozenset(State),
    ),
}  # fmt: skip


def offered(
    request: HttpRequest, states: Collection[State | str] = tuple(State)
) -> list[tuple[str, Words]]:
    """Return what the reader may do to jobs in these states, with the words on each button."""
    return [
        (name, verb.button)
        for name, verb in VERBS.items()
        if _may(request, verb) and not verb.states.isdisjoint(states)
    ]


def change_jobs(
    model_admin: Any, request: HttpRequest, alias: str, action: str, back: str
) -> HttpResponse:
    """Do something to the chosen jobs of an alias, once the reader has said so twice."""
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
        return ask_again(model_admin, request, verb.button, told, ids, "job", back)
    else:
        _apply(request, alias, verb, ids)
    return HttpResponseRedirect(back)


def ask_again(
    model_admin: Any,
    request: HttpRequest,
    button: Words,
    told: str,
    ids: Sequence[str],
    what: str,
    back: str,
) -> HttpResponse:
    """Ask whether something is meant; the answer sends the same again."""
    hidden = [(what, id) for id in ids]
    names = ("backend", "action", "page")
    hidden += [(name, request.POST[name]) for name in names if name in request.POST]
    return confirm(model_admin, request, button, told, ids, hidden, back)


def log(request: HttpRequest, kind: Any, entries: Iterable[tuple[str, str, str]]) -> None:
    """Write an entry for each id, with what it is called and what was done."""
    user_id: Any = request.user.pk
    content_type_id = ContentType.objects.get_for_model(kind).pk
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user_id, content_type_id=content_type_id, object_id=id,
            object_repr=told[:200], action_flag=CHANGE, change_message=message,
        )
        for id, told, message in entries
    )  # fmt: skip


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
    log(request, Job, (_entry(item) for item in changed))
    if changed:
        messages.success(request, verb.past(len(changed)))
    if left := len(ids) - len(changed):
        why = _("they had moved on, or are gone")
        messages.warning(request, actions.left_as_before(left, why))


def _entry(item: Done) -> tuple[str, str, str]:
    return item.job.id, f"{item.job.task} {item.job.id}", item.note or ""


def _may(request: HttpRequest, verb: JobVerb) -> bool:
    return bool(request.user.has_perm(f"django_taskq.{verb.permission}"))
