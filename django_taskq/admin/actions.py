"""What operators do to jobs: by the store, with an entry in the log for each job."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import batched, groupby
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_taskq import control
from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import UNSEEN, Change
from django_taskq.models import Job

MOST = 10_000
BATCH = 500
# Text that is put into the reader's language once it is shown.
type Words = str | Promise
MOST_REASONS = 20
GONE = gettext_lazy("it does not exist any more")


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
    why: Words | None = None


# Tells in a sentence to how many jobs something was done.
type Told = Callable[[int], str]
type Verb = Callable[[str, Sequence[Picked]], Iterator[Done]]


def run(request: HttpRequest, queryset: QuerySet[Job], verb: Verb, past: Told, why: Words) -> None:
    """Apply a verb to the selected jobs, log what it changed, tell the reader."""
    run_picked(request, picked_of(queryset), verb, past, why)


def run_picked(
    request: HttpRequest, picked: Sequence[Picked], verb: Verb, past: Told, why: Words
) -> None:
    """Apply a verb to these jobs, log what it changed, tell the reader."""
    done = apply(request, picked, verb)
    changed = sum(item.note is not None for item in done)
    if changed:
        messages.success(request, past(changed))
    stayed = [item for item in done if item.note is None]
    if left := sum(item.why is None for item in stayed):
        messages.warning(request, left_as_before(left, why))
    told = [item for item in stayed if item.why is not None]
    for item in told[:MOST_REASONS]:
        messages.warning(request, reason_of(item))
    if len(told) > MOST_REASONS:
        more = len(told) - MOST_REASONS
        messages.warning(
            request,
            ngettext(
                "%(count)d more was left for such a reason.",
                "%(count)d more were left for such reasons.",
                more,
            )
            % {"count": more},
        )
    if len(picked) == MOST:
        messages.warning(
            request,
            _("Only the first %(most)d were taken; do it again for the rest.") % {"most": MOST},
        )


def apply(request: HttpRequest, picked: Iterable[Picked], verb: Verb) -> list[Done]:
    """Apply a verb to jobs of any aliases, and log what it changed."""
    flag = DELETION if verb is delete else CHANGE
    done: list[Done] = []
    for alias, jobs in _by_alias(picked):
        made = list(verb(alias, jobs)) if alias in control.durable_aliases() else _left(alias, jobs)
        _log(request, (item for item in made if item.note is not None), flag)
        done += made
    return done


def reason_of(item: Done) -> str:
    """Return in a sentence why a job stayed as it was."""
    return _("Job %(id)s was left as it was: %(why)s.") % {"id": item.job.id, "why": item.why}


def left_as_before(count: int, why: Words) -> str:
    """Return in a sentence why so many jobs stayed as they were."""
    return ngettext(
        "%(count)d left as it was: %(why)s.", "%(count)d left as they were: %(why)s.", count
    ) % {"count": count, "why": why}


def picked_of(queryset: QuerySet[Job], most: int = MOST) -> list[Picked]:
    """Return the first of the selected jobs."""
    columns = queryset.values_list("public_id", "backend", "task")[:most]
    return [Picked(str(id), backend, task) for id, backend, task in columns]


def acts[F: Callable[..., Any]](permission: str, one: Words, many: Words) -> Callable[[F], F]:
    """Make a method an action of the list, and from Django 6.1 on of a row's own page too."""

    def mark(method: F) -> F:
        marked: Any = admin.action(permissions=[permission])(method)
        marked.short_description = many
        locations = getattr(admin, "ActionLocation", None)
        if locations is not None:
            marked.locations = list(locations)
            marked.short_description, marked.plural_description = one, many
        return method

    return mark


# The verbs.


def retry(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Run ended jobs again."""
    return _changed(jobs, control.store_of(alias).retry(_ids(jobs)))


def cancel(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Cancel what waits, ask what runs to stop."""
    return _changed(jobs, control.cancel_known(_ids(jobs), alias))


def run_now(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Make scheduled jobs ready."""
    return _changed(jobs, control.store_of(alias).run_now(_ids(jobs)))


def amending(amendment: Amendment) -> Verb:
    """Return what gives waiting jobs another queue or priority."""
    return partial(_amend, amendment=amendment)


def requeue(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Enqueue copies."""
    store = control.store_of(alias)
    known = [record.id for record in store.get(_ids(jobs))]
    copies = dict(zip(known, (item.id for item in store.requeue(known)), strict=False))
    for job in jobs:
        copy = copies.get(job.id)
        yield Done(job, f"Enqueued the copy {copy}.") if copy else Done(job, None, GONE)


def delete(alias: str, jobs: Sequence[Picked]) -> Iterator[Done]:
    """Delete those that have ended."""
    ids = _ids(jobs)
    control.delete_many(ids, alias)
    left = control.locate(ids, [alias])
    for job in jobs:
        yield Done(job, None if job.id in left else "Deleted.")


def _amend(alias: str, jobs: Sequence[Picked], amendment: Amendment) -> Iterator[Done]:
    wrong = control.check_amendment(amendment, alias)
    if wrong is not None:
        yield from (Done(job, None, wrong.rstrip(".")) for job in jobs)
        return
    named = {"queue": amendment.queue, "priority": amendment.priority}
    told = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    changes = control.store_of(alias).amend(_ids(jobs), amendment)
    for done, change in zip(_changed(jobs, changes), changes, strict=True):
        yield done._replace(note=f"Changed: {told}.") if change.is_amended else done


def _changed(jobs: Sequence[Picked], changes: Iterable[Change]) -> Iterator[Done]:
    by_id = {job.id: job for job in jobs}
    for change in changes:
        note: str | None = None
        why: Words | None = None
        if change.is_asked:
            note = "Asked to stop."
        elif change.before != change.after:
            note = f"{change.before} -> {change.after}."
        if change.before is None:
            why = GONE
        elif change.held_by is not None:
            why = _held_by(change.held_by)
        yield Done(by_id[change.id], note, why)


def _held_by(id: str) -> str:
    if id == UNSEEN:
        return _("its task_id is held by a job that this transaction cannot see")
    return _("its task_id is held by %(id)s") % {"id": id}


def _left(alias: str, jobs: Sequence[Picked]) -> list[Done]:
    why = _("TASKS has no alias “%(alias)s” any more, so that its jobs cannot change") % {
        "alias": alias
    }
    return [Done(job, None, why) for job in jobs]


def _ids(jobs: Sequence[Picked]) -> list[str]:
    return [job.id for job in jobs]


def _by_alias(picked: Iterable[Picked]) -> Iterator[tuple[str, tuple[Picked, ...]]]:
    ordered = sorted(picked, key=lambda job: job.backend)
    for alias, jobs in groupby(ordered, key=lambda job: job.backend):
        for batch in batched(jobs, BATCH):
            yield alias, batch


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
