"""Charts as SVG: numbers in, elements out. Looks are classes of the style sheet; no script.

Each has a title and a description for who does not see it, and stands beside a table.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 84, 8, 14, 28
GRIDS = 4
# The tops that charts may have, times a power of ten: their grids are whole numbers from 4 on.
TOPS = (2, 4, 8, 12, 16)
# Of a row: its height, where its bar begins below its name, and how high that is.
ROW, BELOW, BAR = 46, 22, 14
# What is left free for the number behind a bar.
BEHIND = 110
LONGEST_NAME = 56

_INNER_WIDTH = WIDTH - LEFT - RIGHT
_INNER_HEIGHT = HEIGHT - TOP - BOTTOM


type Tell = Callable[[float], str]


class Series(NamedTuple):
    """Numbers of one kind, one for each step; None is a gap. `tone` is a class of the sheet."""

    name: str
    tone: str
    values: Sequence[float | None]


class Frame(NamedTuple):
    """What stands around a chart: what it is called and says, the words below its steps, and how
    its numbers are told.
    """

    id: str
    title: str
    description: str
    labels: Sequence[str]
    tell: Tell


def stacked_bars(frame: Frame, series: Sequence[Series]) -> SafeString:
    """Return a chart with a bar for each step, the kinds upon one another."""
    count = len(frame.labels)
    tops = [sum(each.values[step] or 0 for each in series) for step in range(count)]
    # No grid between two whole numbers.
    most = ceiling(max([4, *tops]))
    width = max(1.0, _step_width(count) - 2)
    bars = []
    for step, label in enumerate(frame.labels):
        below = 0.0
        for each in series:
            value = each.values[step] or 0
            below += value
            if value:
                box = (_x(step, count), _y(below, most), width, _height(value, most))
                bars.append((each.tone, *map(_short, box), label, each.name, frame.tell(value)))
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
    drawn = format_html_join("", "{}", ((_line(each, count, most, frame),) for each in series))
    return _chart(frame, most, drawn)


def rows_of_bars(frame: Frame, series: Sequence[Series]) -> SafeString:
    """Return a chart with a bar for each name, the kinds beside one another."""
    count = len(frame.labels)
    sums = [sum(each.values[row] or 0 for each in series) for row in range(count)]
    most = ceiling(max(sums, default=0))
    drawn = format_html_join(
        "", "{}", ((_row(row, frame, series, sums[row], most),) for row in range(count))
    )
    return _svg(frame, max(1, count) * ROW, drawn)


def ceiling(most: float) -> float:
    """Return a round number that is no less, and more than nothing: the top of a chart."""
    if most <= 0:
        return 1.0
    # The tenth of it is the least that TOPS may be taken of.
    power = math.floor(math.log10(most)) - 1
    # Divided where it is small: tenths are no exact numbers.
    sizes = [10.0**power, 10.0 ** (power + 1)] if power >= 0 else []
    tops = [top * size for size in sizes for top in TOPS]
    if power < 0:
        tops = [top / 10.0**-each for each in (power, power + 1) for top in TOPS]
    return next(top for top in tops if top >= most)


def _row(row: int, frame: Frame, series: Sequence[Series], total: float, most: float) -> SafeString:
    label, top, left = frame.labels[row], row * ROW, 0.0
    # The end of a path says more than its beginning.
    shown = label if len(label) <= LONGEST_NAME else f"…{label[1 - LONGEST_NAME :]}"
    bars = []
    for each in series:
        value = each.values[row] or 0
        wide = (WIDTH - BEHIND) * value / most
        if value:
            place = (_short(left), top + BELOW, _short(wide), BAR)
            bars.append((each.tone, *place, label, each.name, frame.tell(value)))
        left += wide
    return format_html(
        '<text x="0" y="{}">{}<title>{}</title></text>{}<text x="{}" y="{}">{}</text>',
        top + BELOW - 6, shown, label,
        format_html_join(
            "",
            '<rect class="taskq-bar taskq-fill-{}" x="{}" y="{}" width="{}" height="{}">'
            "<title>{} {}: {}</title></rect>",
            bars,
        ),
        _short(left + 6), top + BELOW + 12, frame.tell(total),
    )  # fmt: skip


def _line(series: Series, count: int, most: float, frame: Frame) -> SafeString:
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
                series.tone, _short(point[0]), _short(point[1]), frame.labels[step],
                series.name, frame.tell(series.values[step] or 0),
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
                frame.tell(value),
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
