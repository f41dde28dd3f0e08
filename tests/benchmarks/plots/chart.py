"""A line chart as SVG, written by hand: it brings its own background, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 210, 52, 56
# Colours that stay apart for the colour-blind (Okabe and Ito), on white and on black.
LIGHT = ("#0072b2", "#d55e00", "#007a5a", "#a8518a", "#8a6d00", "#3b7ea1", "#555555", "#b22222")
DARK = ("#56b4e9", "#ff8c42", "#2fcf9f", "#e39ac7", "#f0c744", "#9ecbe6", "#bbbbbb", "#ff8080")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4", "6 2 1 2")


class Line(NamedTuple):
    """A named series; a mark is a level to compare with and has no colour of its own."""

    name: str
    points: Sequence[tuple[float, float]]
    is_mark: bool = False


class Chart(NamedTuple):
    """What is drawn, and what is said to who does not see it."""

    title: str
    description: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    is_log: bool = False
    y_most: float | None = None

    def svg(self) -> str:
        """Return the whole file."""
        return "\n".join(self._parts()) + "\n"

    def _parts(self) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            ' aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="13">'
        )
        yield f'<title id="title">{escape(self.title)}</title>'
        yield f'<desc id="desc">{escape(self.description)}</desc>'
        yield f"<style>{_style()}</style>"
        yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        yield _text(LEFT, 28, self.title, 'font-size="15" font-weight="600"')
        yield from self._grid()
        number, named = 0, []
        for line in self.lines:
            style = "mark" if line.is_mark else f"line c{number % len(LIGHT)}"
            dash = "3 4" if line.is_mark else DASHES[number % len(DASHES)]
            number += not line.is_mark
            yield self._line(line, style, dash)
            if line.name not in named:
                yield from _legend(line.name, len(named), style, dash)
                named.append(line.name)
        yield "</svg>"

    def _grid(self) -> Iterator[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value in self._x_ticks():
            x = self._x(value)
            yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
            yield _text(x, bottom + 18, f"{value:,g}", 'text-anchor="middle"')
        for value in _ticks(0, self._top()):
            y = self._y(value)
            yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
            yield _text(LEFT - 8, y + 4, f"{value:,g}", 'text-anchor="end"')
        middle = (LEFT + right) / 2
        height = (TOP + bottom) / 2
        turned = f'text-anchor="middle" transform="rotate(-90 18 {height})"'
        yield _text(middle, HEIGHT - 14, self.x_label, 'text-anchor="middle"')
        yield _text(18, height, self.y_label, turned)

    def _line(self, line: Line, style: str, dash: str) -> str:
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in line.points)
        return f'<polyline class="{style}" stroke-dasharray="{dash}" points="{points}"/>'

    def _xs(self) -> list[float]:
        return [x for line in self.lines for x, _ in line.points]

    def _span(self) -> tuple[float, float]:
        if not self.is_log:
            return min(self._xs()), max(self._xs())
        return 10 ** floor(log10(max(min(self._xs()), 0.1))), 10 ** ceil(log10(max(self._xs())))

    def _top(self) -> float:
        return self.y_most or _ceiling(max(y for line in self.lines for _, y in line.points))

    def _x_ticks(self) -> list[float]:
        least, most = self._span()
        if not self.is_log:
            return _ticks(least, most)
        return [10.0**power for power in range(round(log10(least)), round(log10(most)) + 1)]

    def _x(self, value: float) -> float:
        least, most = self._span()
        if self.is_log:
            least, most, value = log10(least), log10(most), log10(max(value, least))
        return LEFT + (value - least) / ((most - least) or 1) * (WIDTH - RIGHT - LEFT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - min(value, self._top()) / self._top() * (HEIGHT - BOTTOM - TOP)


def _legend(name: str, place: int, style: str, dash: str) -> Iterator[str]:
    x, y = WIDTH - RIGHT + 14, TOP + 10 + 21 * place
    yield f'<path class="{style}" stroke-dasharray="{dash}" d="M{x} {y} h24"/>'
    yield _text(x + 30, y + 4, name, 'font-size="12"')


def _text(x: float, y: float, text: str, look: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(text)}</text>'


def _style() -> str:
    light = "".join(f".c{place}{{stroke:{colour}}}" for place, colour in enumerate(LIGHT))
    dark = "".join(f".c{place}{{stroke:{colour}}}" for place, colour in enumerate(DARK))
    return (
        ".page{fill:#fff;stroke:#ccc}text{fill:#222}.grid{stroke:#e2e2e2}"
        ".line,.mark{fill:none;stroke-width:2.2;stroke-linejoin:round}.mark{stroke:#777;stroke-width:1.3}"
        + light
        + "@media (prefers-color-scheme:dark){.page{fill:#17191c;stroke:#444}text{fill:#ddd}"
        ".grid{stroke:#33373b}.mark{stroke:#999}" + dark + "}"
    )


def _ceiling(value: float) -> float:
    step = _step(value)
    return step * ceil(value / step)


def _ticks(least: float, most: float) -> list[float]:
    step = _step(most - least)
    first = ceil(least / step - 1e-9)
    return [step * n for n in range(first, floor(most / step + 1e-9) + 1)]


def _step(span: float) -> float:
    """Return a round distance of which about five make up the span."""
    power = 10.0 ** floor(log10(max(span, 1e-9) / 5))
    return next(power * by for by in (1, 2, 5, 10) if power * by * 6 >= span)
