"""What the charts of the overview show: from the points of a trend to pictures with tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_taskq.admin import cells, charts
from django_taskq.admin.charts import Frame, Series
from django_taskq.jobs.counts import Counts, Ending, Histogram, TaskFailures
from django_taskq.jobs.durations import lasting, localised
from django_taskq.jobs.trends import Point, total_of

SHARES = (("p50", 0.5, "first"), ("p95", 0.95, "second"), ("p99", 0.99, "third"))
# Tasks that are shown; the table has no more than the picture.
MOST_TASKS = 12


class Key(NamedTuple):
    """A line of a chart's legend."""

    tone: str
    name: str


class Chart(NamedTuple):
    """A picture, what its colours mean, and the same numbers as a table."""

    title: str
    description: str
    picture: SafeString
    keys: Sequence[Key]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def charts_of(points: Sequence[Point], failures: Sequence[TaskFailures], back: str) -> list[Chart]:
    """Return all charts of an alias; `back` says in words how far back they look."""
    return [
        throughput(points, back),
        durations(points, "waits", _("Wait"), back),
        durations(points, "runs", _("Run time"), back),
        failed_tasks(failures, back),
    ]


def throughput(points: Sequence[Point], back: str) -> Chart:
    """Show how many attempts ended in each step, by outcome."""
    kinds = (
        (Ending.SUCCESSFUL, "good", _("successful")),
        (Ending.RETRIED, "warn", _("to run again")),
        (Ending.FAILED, "bad", _("failed")),
        (Ending.LOST, "third", _("lost with their worker")),
        (Ending.CANCELED, "idle", _("canceled")),
    )
    series = [
        Series(name, tone, [point.counts.of(ending) for point in points])
        for ending, tone, name in kinds
    ]
    total = total_of(points)
    words = ", ".join(f"{whole(total.of(ending))} {name}" for ending, _tone, name in kinds)
    title = _("Attempts that ended")
    frame = Frame(
        "taskq-throughput", title, _("%(back)s: %(told)s.") % {"back": back, "told": words},
        _moments(points), whole,
    )  # fmt: skip
    return _chart(frame, series, charts.stacked_bars(frame, series))


def durations(points: Sequence[Point], kind: str, title: str, back: str) -> Chart:
    """Show quantiles of waits or runs in each step."""

    def histogram(counts: Counts) -> Histogram:
        return counts.waits if kind == "waits" else counts.runs

    series = [
        Series(name, tone, [histogram(point.counts).quantile(share) for point in points])
        for name, share, tone in SHARES
    ]
    total = histogram(total_of(points))
    words = ", ".join(f"{name} {seconds(total.quantile(share))}" for name, share, _tone in SHARES)
    frame = Frame(
        f"taskq-{kind}", title, _("%(back)s: %(told)s.") % {"back": back, "told": words},
        _moments(points), seconds,
    )  # fmt: skip
    return _chart(frame, series, charts.lines(frame, series))


def failed_tasks(failures: Sequence[TaskFailures], back: str) -> Chart:
    """Show which tasks' tries failed most."""
    shown = failures[:MOST_TASKS]
    series = [
        Series(_("failed"), "bad", [each.failed for each in shown]),
        Series(_("to run again"), "warn", [each.retried for each in shown]),
    ]
    title = _("Failures by task")
    count = sum(each.total for each in failures)
    words = ngettext(
        "%(back)s: %(count)s failed tries, of %(tasks)d task.",
        "%(back)s: %(count)s failed tries, of %(tasks)d tasks.",
        len(failures),
    ) % {"back": back, "count": whole(count), "tasks": len(failures)}
    names = [cells.line(each.task) for each in shown]
    frame = Frame("taskq-failures", title, words, names, whole)
    return _chart(frame, series, charts.rows_of_bars(frame, series), _("Task"))


def whole(value: float) -> str:
    """Return a number of things to read."""
    if value == int(value):
        return formats.number_format(int(value), force_grouping=True)
    return localised(f"{value:.3g}")


def seconds(value: float | None) -> str:
    """Return a duration to read; nothing where there is none."""
    if value is None:
        return cells.NOTHING
    if value == 0:
        return "0"
    return f"{localised(f'{value * 1000:.3g}')} ms" if value < 1 else lasting(value)


def _chart(
    frame: Frame,
    series: Sequence[Series],
    picture: SafeString,
    first: str = "",
) -> Chart:
    rows = [
        [label, *(cells.NOTHING if value is None else frame.tell(value) for value in values)]
        for label, *values in zip(frame.labels, *(each.values for each in series), strict=True)
    ]
    return Chart(
        frame.title,
        frame.description,
        picture,
        [Key(each.tone, each.name) for each in series],
        [first or _("From"), *(each.name for each in series)],
        rows,
    )


def _moments(points: Sequence[Point]) -> list[str]:
    """Return when each step begins in the reader's zone, with its day where there are several."""
    moments = [timezone.localtime(point.at) for point in points]
    has_days = len({moment.date() for moment in moments}) > 2
    return [_moment(moment, has_day=has_days) for moment in moments]


def _moment(moment: datetime, *, has_day: bool) -> str:
    time = formats.time_format(moment, "TIME_FORMAT")
    return f"{formats.date_format(moment, 'MONTH_DAY_FORMAT')}, {time}" if has_day else time
