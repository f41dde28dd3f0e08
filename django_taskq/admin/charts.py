"""Charts as SVG: numbers in, elements out. Looks are classes of the style sheet; no script.

Each has a title and a description for who does not see it, and stands beside a table.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 24
GRIDS = 4
# Of a bar of a row: its height with what is between two, and where it begins.
ROW, BAR, NAMES = 26, 14, 220
LONGEST_NAME = 34

_INNER_WIDTH = WIDTH - LEFT - RIGHT
_INNER_HEIGHT = HEIGHT - TOP - BOTTOM


class Series(NamedTuple):
    """Numbers of one kind, one for each step; None is a gap. `tone` is a class of the sheet."""

    name: str
    tone: str
    values: Sequence[float | None]


class Frame(NamedTuple):
    """What stands around a chart: what it is called and says, and the words below its steps."""

    id: str
    title: str
    description: str
    labels: Sequence[str]
    unit: str = ""


def stacked_bars(frame: Frame, series: Sequence[Series]) -> SafeString:
    """Return a chart with a bar for each step, the kinds upon one another."""
    count = len(frame.labels)
    tops = [sum(each.values[step] or 0 for each in series) for step in range(count)]
    most = ceiling(max(tops, default=0))
    width = max(1.0, _step_width(count) - 2)
    bars = []
    for step, label in enumerate(frame.labels):
        below = 0.0
        for each in series:
            value = each.values[step] or 0
            below += value
            if value:
                box = (_x(step, count), _y(below, most), width, _height(value, most))
                bars.append((each.tone, *map(_short, box), label, each.name, told(value)))
    drawn = format_html_join(
        "",
        '<rect class="taskq-bar taskq-fill-{}" x="{}" y="{}" width="{}" height="{}">'
        "<title>{} {}: {}</title></rect>",
        bars,
    )
    return _chart(frame, most, drawn)


def lines(frame: Frame, series: Sequence[Series]) -> SafeString:
    """Return a chart with a line for each kind; where a step has no number the line is broken."""
    count = len(frame.labels)
    values = [value for each in series for value in each.values if value is not None]
    most = ceiling(max(values, default=0))
    drawn = format_html_join(
        "", "{}", ((_line(each, count, most, frame.labels),) for each in series)
    )
    return _chart(frame, most, drawn)


def rows_of_bars(frame: Frame, series: Sequence[Series]) -> SafeString:
    """Return a chart with a bar for each name, the kinds beside one another."""
    count = len(frame.labels)
    sums = [sum(each.values[row] or 0 for each in series) for row in range(count)]
    most, height = ceiling(max(sums, default=0)), max(1, count) * ROW + 8
    drawn = []
    for row, label in enumerate(frame.labels):
        left, top = float(NAMES), row * ROW + 4
        shown = label if len(label) <= LONGEST_NAME else f"…{label[1 - LONGEST_NAME :]}"
        drawn.append(
            format_html('<text x="0" y="{}">{}<title>{}</title></text>', top + 12, shown, label)
        )
        for each in series:
            wide = (WIDTH - NAMES - 60) * (each.values[row] or 0) / most
            if wide:
                drawn.append(
                    format_html(
                        '<rect class="taskq-bar taskq-fill-{}" x="{}" y="{}" width="{}" '
                        'height="{}"><title>{} {}: {}</title></rect>',
                        each.tone, _short(left), top, _short(wide), BAR, label, each.name,
                        told(each.values[row] or 0),
                    )
                )  # fmt: skip
            left += wide
        drawn.append(
            format_html(
                '<text x="{}" y="{}">{}</text>', _short(left + 6), top + 12, told(sums[row])
            )
        )
    return _svg(frame, height, format_html_join("", "{}", ((each,) for each in drawn)))


def ceiling(most: float) -> float:
    """Return a round number that is no less, and more than nothing: the top of a chart."""
    if most <= 0:
        return 1.0
    size = 1.0
    while size < most:
        size *= 10
    while size / 10 >= most:
        size /= 10
    return next(part for part in (size / 5, size / 4, size / 2, size) if part >= most)


def told(value: float, unit: str = "") -> str:
    """Return a number as a reader wants it, three digits of it where it is small."""
    shown = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown}{unit}"


def _line(series: Series, count: int, most: float, labels: Sequence[str]) -> SafeString:
    """Draw a line through its numbers, a dot at each that has no neighbour."""
    points = [
        None if value is None else (_x(step, count, 0.5), _y(value, most))
        for step, value in enumerate(series.values)
    ]
    way = "".join(
        f"{'L' if before is not None else 'M'}{_short(point[0])} {_short(point[1])}"
        for before, point in pairwise([None, *points])
        if point is not None
    )
    dots = format_html_join(
        "",
        '<circle class="taskq-dot taskq-fill-{}" cx="{}" cy="{}" r="2.5">'
        "<title>{} {}: {}</title></circle>",
        (
            (
                series.tone, _short(point[0]), _short(point[1]), labels[step], series.name,
                told(series.values[step] or 0, " s"),
            )
            for step, point in enumerate(points)
            if point is not None
        ),
    )  # fmt: skip
    return format_html(
        '<path class="taskq-line taskq-stroke-{}" d="{}"/>{}', series.tone, way or "M0 0", dots
    )


def _chart(frame: Frame, most: float, drawn: SafeString) -> SafeString:
    count = len(frame.labels)
    grids = format_html_join(
        "",
        '<line class="taskq-grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                LEFT, WIDTH - RIGHT, _short(height), _short(height), LEFT - 6, _short(height + 4),
                told(value, frame.unit),
            )
            for value, height in _grids(most)
        ),
    )  # fmt: skip
    # The first, the middle and the last step are named: more would run into one another.
    places = sorted({0, count // 2, count - 1} & set(range(count)))
    words = format_html_join(
        "", '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (
                _short(_x(place, count, 0.5)), HEIGHT - 6,
                {0: "start", count - 1: "end"}.get(place, "middle"), frame.labels[place],
            )
            for place in places
        ),
    )  # fmt: skip
    return _svg(frame, HEIGHT, format_html("{}{}{}", grids, words, drawn))


def _svg(frame: Frame, height: int, drawn: SafeString) -> SafeString:
    return format_html(
        '<svg class="taskq-chart" role="img" aria-labelledby="{}-title {}-desc" '
        'viewBox="0 0 {} {}" preserveAspectRatio="xMidYMid meet">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>',
        frame.id, frame.id, WIDTH, height, frame.id, frame.title, frame.id, frame.description,
        drawn,
    )  # fmt: skip


def _grids(most: float) -> Iterable[tuple[float, float]]:
    for part in range(GRIDS + 1):
        value = most * part / GRIDS
        yield value, _y(value, most)


def _step_width(count: int) -> float:
    return _INNER_WIDTH / max(1, count)


def _x(step: int, count: int, within: float = 0.0) -> float:
    return LEFT + (step + within) * _step_width(count)


def _y(value: float, most: float) -> float:
    return TOP + _INNER_HEIGHT - _height(value, most)


def _height(value: float, most: float) -> float:
    return _INNER_HEIGHT * value / most


def _short(number: float) -> str:
    return f"{number:.1f}"
