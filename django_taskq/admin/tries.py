"""The tries of a job that are kept, each with its traceback and its log."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells
from django_taskq.admin.sightings import is_in_table, seen, tries_in
from django_taskq.admin.timeline import between
from django_taskq.models import Attempt, Job

MOST_TRIES = 50
# A log is kept whole up to this; its marker of what is missing goes with it.
LONGEST_LOG = 17_000


def tries_of(job: Job) -> list[Attempt]:
    """Return the kept tries of a job, the last first, one more than MOST_TRIES at most.

    The job remembers them: its page shows them twice. One that was never claimed has none.
    """
    known: list[Attempt] | None = getattr(job, "_tries_of_page", None)
    if known is None and not is_in_table(job):
        known = tries_in(seen(job).record)
    if known is None and not job.attempt:
        known = []
    if known is None:
        tries = Attempt._default_manager.using(job._state.db).filter(job_id=job.pk)
        known = list(tries.order_by("-attempt")[: MOST_TRIES + 1])
    job._tries_of_page = known  # type: ignore[attr-defined]
    return known


def block_of(job: Job) -> SafeString | str:
    """Return every try that is kept, the last one first, with its traceback."""
    kept = tries_of(job)
    shown = format_html_join("", "{}", ((_try(attempt),) for attempt in kept[:MOST_TRIES]))
    if len(kept) > MOST_TRIES:
        return format_html("{}<p>{}</p>", shown, _("Earlier tries are not shown."))
    return shown or cells.NOTHING


def _try(attempt: Attempt) -> SafeString:
    kind = f"{attempt.verdict}, {attempt.failure}" if attempt.failure else attempt.verdict
    summary = _("Attempt %(number)d: %(how)s on %(worker)s, %(moment)s (%(span)s)") % {
        "number": attempt.attempt,
        "how": cells.line(kind),
        "worker": cells.line(attempt.worker_id),
        "moment": cells.moment(attempt.finished_at),
        "span": cells.span(between(attempt.started_at, attempt.finished_at)),
    }
    return format_html(
        "<details><summary>{}</summary><p>{}</p>{}{}</details>",
        summary,
        cells.line(attempt.reason),
        cells.block(attempt.traceback) if attempt.traceback else "",
        _log(attempt.log),
    )


def _log(log: str | None) -> SafeString | str:
    return format_html("<p>{}</p>{}", _("Log"), cells.block(log, LONGEST_LOG)) if log else ""
