"""The times of a job in their order: enqueued, ready, claimed, each try, ended."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells
from django_taskq.models import Attempt, Job

_HEAD = (
    '<table class="taskq-table"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
    '<th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>'
)
_ROW = '<tr><td>{}</td><th scope="row">{}</th><td>{}</td><td class="taskq-name">{}</td></tr>'


class Event(NamedTuple):
    """Something that happened to a job, or will; `took` is how long it lasted."""

    at: datetime
    what: str
    took: timedelta | None = None
    worker: str | None = None


def table_of(job: Job, tries: Sequence[Attempt]) -> SafeString:
    """Return what happened to a job, the first thing first."""
    events = sorted(_events(job, tries), key=lambda event: event.at)
    rows = (
        (cells.exact(event.at), event.what, cells.span(event.took), cells.line(event.worker))
        for event in events
    )
    head = (_("when"), _("what"), _("took"), _("worker"))
    return format_html(_HEAD, *head, format_html_join("", _ROW, rows))


def between(start: datetime | None, end: datetime | None) -> timedelta | None:
    """Return how long it is from one moment to the other, None where one is not known."""
    return None if start is None or end is None else end - start


def _events(job: Job, tries: Sequence[Attempt]) -> Iterator[Event]:
    yield Event(job.enqueued_at, _("Enqueued"))
    plain = (
        (job.run_after, _("Not before")),
        (job.due_at, _("Due")),
        (job.eligible_at, _("Ready")),
        (job.cancel_asked_at, _("Asked to stop")),
    )
    for at, what in plain:
        if at is not None:
            yield Event(at, what)
    if job.claimed_at is not None:
        yield Event(job.claimed_at, _("Claimed"), None, job.worker_id)
    if job.started_at is not None:
        yield Event(job.started_at, _("First started"), between(job.eligible_at, job.started_at))
    for attempt in tries:
        how = f"{attempt.verdict}, {attempt.failure}" if attempt.failure else attempt.verdict
        took = between(attempt.started_at, attempt.finished_at)
        told = cells.line(how)
        if attempt.started_at is not None:
            yield Event(attempt.started_at, _started(attempt.attempt), None, attempt.worker_id)
        what = _("Attempt %(number)d: %(how)s") % {"number": attempt.attempt, "how": told}
        yield Event(attempt.finished_at, what, took, attempt.worker_id)
    told_of = {attempt.attempt for attempt in tries}
    if job.last_attempted_at is not None and job.attempt not in told_of:
        yield Event(job.last_attempted_at, _started(job.attempt), None, job.worker_id)
    if job.finished_at is not None:
        ran = None if job.attempt in told_of else between(job.last_attempted_at, job.finished_at)
        how = f"{job.state}, {job.failure}" if job.failure else job.state
        yield Event(job.finished_at, _("Ended: %(how)s") % {"how": cells.line(how)}, ran, None)


def _started(number: int) -> str:
    return _("Attempt %(number)d started") % {"number": number}
