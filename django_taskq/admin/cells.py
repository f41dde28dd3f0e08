"""Values of jobs and workers as HTML: escaped, cut where they are long, no control characters."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import display_for_value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.jobs import payload
from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.durations import localised
from django_taskq.management.tables import clean, clean_lines

LONGEST_TEXT = 10_000
LONGEST_LINE = 300
NOTHING = "-"


def line(text: str | None, longest: int = LONGEST_LINE) -> str:
    """Return a name or a sentence; it is escaped where it is put into the page."""
    if not text:
        return NOTHING
    return clean(text if len(text) <= longest else f"{text[:longest]}...")


def block(text: str | None, longest: int = LONGEST_TEXT) -> SafeString | str:
    """Return text of several lines, its middle cut out beyond `longest` characters."""
    if text is None:
        return NOTHING
    return format_html("<pre>{}</pre>", clean_lines(payload.printable(text, longest)))


def moment(value: datetime | None) -> str:
    """Return a time in the reader's zone and format."""
    return display_for_value(value, NOTHING) if value is not None else NOTHING


def exact(value: datetime) -> str:
    """Return a time in the reader's zone to the millisecond: jobs may begin and end within one."""
    there = timezone.localtime(value)
    return f"{date_format(there)}, {there:%H:%M:}{localised(f'{there:%S.%f}'[:-3])}"


def span(value: timedelta | None) -> str:
    """Return a duration in the unit that suits its size."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds()
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 120:
        return f"{localised(f'{seconds:.1f}')} s"
    if abs(seconds) < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{localised(f'{seconds / 3600:.1f}')} h"


def tenant(name: str) -> str:
    """Return the name of a tenant, or that it is nobody's."""
    return line(name or _("(none)"))


def assignment(found: Assignment) -> str:
    """Return the tenants that a worker serves first, and those that it steals from."""
    told = own = _tenants(found.tenants, found.total)
    if found.is_stealing_from_all:
        told = _("%(tenants)s; steals from all others") % {"tenants": own}
    elif found.steal_total:
        others = _tenants(found.steal, found.steal_total)
        told = _("%(tenants)s; steals from %(others)s") % {"tenants": own, "others": others}
    return line(told)


def _tenants(names: Sequence[str], count: int) -> str:
    told = ", ".join(map(tenant, names))
    if count == len(names):
        return told
    return _("%(names)s and %(more)d more") % {"names": told, "more": count - len(names)}


def rows(pairs: Iterable[tuple[Any, Any]]) -> SafeString | str:
    """Return a table of two columns."""
    body = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', pairs)
    return format_html("<table>{}</table>", body) if body else NOTHING
