"""The graph of a run as SVG, made here: no script, every name escaped."""

from collections.abc import Callable
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_taskq.admin import cells
from django_taskq.jobs.graph import Graph
from django_taskq.jobs.layout import Spot, spots_of
from django_taskq.jobs.run import Node, RunGraph

WIDTH, HEIGHT = 190, 54
GAP_X, GAP_Y, MARGIN = 60, 18, 10
LONGEST_NAME = 24
# Beyond this a picture shows nothing that a table does not.
MOST_NODES = 300

# What the style sheet colours as; the colours below are for where it is missing.
_CLASSES = {
    "SUCCESSFUL": "taskq-good", "FAILED": "taskq-bad", "RUNNING": "taskq-busy",
    "BLOCKED": "taskq-warn",
}  # fmt: skip
_COLORS = {
    "SUCCESSFUL": "#2e7d32",
    "FAILED": "#c62828",
    "RUNNING": "#1565c0",
    "READY": "#6d4c41",
    "SCHEDULED": "#6d4c41",
    "BLOCKED": "#ad1457",
    "CANCELED": "#616161",
    "SKIPPED": "#616161",
}
_OTHER = "#455a64"

type Link = Callable[[Node], str]


class Place(NamedTuple):
    """The corner of a node in the drawing."""

    x: int
    y: int


def draw(graph: RunGraph, link: Link) -> SafeString | str:
    """Return the drawing of a graph; a click on a node leads where `link` says."""
    if not graph.nodes or len(graph.nodes) > MOST_NODES:
        return cells.NOTHING
    numbers = {node.name: number for number, node in enumerate(graph.nodes)}
    edges = tuple((numbers[before], numbers[after]) for before, after in graph.edges)
    spots = spots_of(Graph(tuple(numbers), edges))
    places = [_place(spot) for spot in spots]
    width = max(place.x for place in places) + WIDTH + MARGIN
    height = max(place.y for place in places) + HEIGHT + MARGIN
    lines = format_html_join(
        "", '<path d="{}" fill="none" stroke="#78909c" marker-end="url(#taskq-arrow)"/>',
        ((_way(places[before], places[after]),) for before, after in edges),
    )  # fmt: skip
    boxes = format_html_join(
        "", "{}",
        ((_box(node, place, link(node)),) for node, place in zip(graph.nodes, places, strict=True)),
    )  # fmt: skip
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{}" '
        'width="{}" height="{}" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">'
        '<defs><marker id="taskq-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#78909c"/></marker></defs>'
        "{}{}</svg>",
        _("The steps of the run"), width, height, width, height, lines, boxes,
    )  # fmt: skip


def _place(spot: Spot) -> Place:
    return Place(MARGIN + spot.column * (WIDTH + GAP_X), MARGIN + spot.row * (HEIGHT + GAP_Y))


def _way(before: Place, after: Place) -> str:
    start, end = before.x + WIDTH, after.x
    from_y, to_y = before.y + HEIGHT // 2, after.y + HEIGHT // 2
    bend = max(20, (end - start) // 2)
    return f"M{start} {from_y}C{start + bend} {from_y} {end - bend} {to_y} {end} {to_y}"


def _box(node: Node, place: Place, link: str) -> SafeString:
    name = cells.line(node.name)
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    color = _COLORS.get(node.state, _OTHER)
    told = node.state
    if node.is_mapped:
        told = ngettext("%(state)s, %(count)d item", "%(state)s, %(count)d items", node.items) % {
            "state": node.state,
            "count": node.items,
        }
    box = format_html(
        "<title>{}: {}</title>"
        '<rect x="{}" y="{}" width="{}" height="{}" rx="6" fill="#fff" stroke="{}" '
        'stroke-width="2"/>'
        '<text x="{}" y="{}" fill="#212121">{}</text>'
        '<text x="{}" y="{}" fill="{}">{}</text>',
        name, cells.line(node.task), place.x, place.y, WIDTH, HEIGHT, color, place.x + 10,
        place.y + 22, shown, place.x + 10, place.y + 42, color, cells.line(told),
    )  # fmt: skip
    kind = f"taskq-step {_CLASSES.get(node.state, 'taskq-idle')}"
    shape = format_html('<a href="{}">{}</a>', link, box) if link else box
    return format_html('<g class="{}">{}</g>', kind, shape)
