"""The plots of the guide can be read by who does not see them, and stand where they are shown."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks.plots.chart import Chart, Line
from tests.benchmarks.plots.page import NoSuchPart, put
from tests.docs.pages import GUIDE, everything

SVG = "{http://www.w3.org/2000/svg}"
PLOTS = sorted((GUIDE / "plots").glob("*.svg"))


def drawn(**changes: object) -> ElementTree.Element:
    chart = Chart("Waits & more", "p99 < 4", "ms", "%", [Line("ours", [(1, 0), (1000, 50)])])
    return ElementTree.fromstring(chart._replace(**changes).svg())


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_says_its_title_and_its_numbers_in_words(plot: Path) -> None:
    root = ElementTree.parse(plot).getroot()
    assert root.get("aria-labelledby") == "title desc"
    assert root.findtext(f"{SVG}title")
    assert re.search(r"\d", root.findtext(f"{SVG}desc") or "")


def test_every_plot_that_is_shown_exists_and_every_one_is_shown() -> None:
    shown = set(re.findall(r"\]\(plots/([a-z]+\.svg)\)", everything()))
    assert shown == {plot.name for plot in PLOTS}


def test_a_chart_keeps_text_apart_from_markup_and_has_colours_for_dark_pages() -> None:
    root = drawn()
    assert root.findtext(f"{SVG}title") == "Waits & more"
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")


@pytest.mark.parametrize("is_log", [False, True])
def test_a_line_stays_inside_of_its_axes(*, is_log: bool) -> None:
    line = drawn(is_log=is_log, y_most=40).find(f"{SVG}polyline")
    assert line is not None
    (first, last) = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    assert first == (64, 344)
    assert last == (550, 52)


def test_a_part_of_a_page_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin x -->\nold\n<!-- end x -->\nafter\n")
    put(page, "x", ["new"])
    put(page, "x", ["newer"])
    assert page.read_text() == "before\n<!-- begin x -->\n\nnewer\n\n<!-- end x -->\nafter\n"


def test_a_page_without_the_part_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    with pytest.raises(NoSuchPart, match=r"page\.md: expected <!-- begin x -->"):
        put(page, "x", ["new"])
    assert page.read_text() == "before\n"
