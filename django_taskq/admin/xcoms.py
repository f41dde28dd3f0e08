"""The values that a job pushed for others, on its page."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells, payloads
from django_taskq.admin.sightings import MOST_VALUES, Sighting
from django_taskq.jobs.xcom import XComRecord
from django_taskq.models import Job, XCom

LONGEST_VALUE = 2000

_HEAD = '<th scope="col">{}</th>'
_ROW = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'


def table_of(job: Job) -> SafeString | str:
    """Return what the attempts of a job pushed, the last value first, as a table."""
    kept: list[XCom | XComRecord]
    sighting: Sighting | None = getattr(job, "sighting", None)
    if sighting is not None:
        kept = list(sighting.values)
    elif not job.attempt:
        # Nobody has run it, so that nobody has pushed anything.
        kept = []
    else:
        rows = XCom._default_manager.using(job._state.db).filter(job_seq=job.pk).order_by("-pk")
        kept = list(rows[: MOST_VALUES + 1])
    silent = cells.line(" ".join(getattr(job, "silent", ())))
    if not kept and silent != cells.NOTHING:
        return silent
    if not kept:
        return cells.NOTHING
    names = (_("key"), _("value"), _("namespace"), _("attempt"), _("expires"))
    return format_html(
        "<table><tr>{}</tr>{}</table>{}",
        format_html_join("", _HEAD, ((name,) for name in names)),
        format_html_join("", _ROW, map(_cells_of, kept[:MOST_VALUES])),
        format_html("<p>{}</p>", _("Earlier values are not shown."))
        if len(kept) > MOST_VALUES
        else "",
    )


def _cells_of(xcom: XCom | XComRecord) -> tuple[Any, ...]:
    return (
        cells.line(xcom.key),
        payloads.value_block(xcom.key, xcom.value, LONGEST_VALUE),
        cells.line(xcom.namespace),
        xcom.attempt,
        cells.moment(xcom.expires_at),
    )
