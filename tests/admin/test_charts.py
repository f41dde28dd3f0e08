"""Charts: SVG that is well formed, says what it shows, and carries no style of its own."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from django_taskq.admin import charts
from django_taskq.admin.charts import Frame, Series, ceiling

FRAME = Frame("c", "Attempts <b>", "3 of them & more", ["10:00", "10:02", "10:04"], "{:g}".format)


def parsed(picture: str) -> ElementTree.Element:
    """Return a drawing that is well formed, and has neither styles nor scripts."""
    assert "style" not in picture
    assert "<script" not in picture
    return ElementTree.fromstring(picture)


def bars(root: ElementTree.Element) -> list[tuple[str, float, float, str]]:
    """Return class, place and height of each bar, with what it says."""
    return [
        (
            rect.attrib["class"].removeprefix("taskq-bar taskq-fill-"),
            float(rect.attrib["y"]),
            float(rect.attrib["height"]),
            rect.findtext("title") or "",
        )
        for rect in root.iter("rect")
    ]


def test_a_picture_has_a_title_and_a_description_that_are_escaped() -> None:
    for draw in (charts.stacked_bars, charts.lines, charts.rows_of_bars):
        root = parsed(draw(FRAME, [Series("good", "good", [1, 2, 3])]))
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-labelledby"] == "c-title c-desc"
        assert root.findtext("title") == "Attempts <b>"
        assert root.findtext("desc") == "3 of them & more"


def test_bars_stand_upon_one_another_in_proportion() -> None:
    series = [Series("good", "good", [4, 0, 1]), Series("bad", "bad", [4, 2, 0])]
    found = bars(parsed(charts.stacked_bars(FRAME, series)))
    assert [(tone, title) for tone, _, _, title in found] == [
        ("good", "10:00 good: 4"),
        ("bad", "10:00 bad: 4"),
        ("bad", "10:02 bad: 2"),
        ("good", "10:04 good: 1"),
    ]
    (_, good_y, good_height, _), (_, bad_y, bad_height, _), (_, _, half, _), _ = found
    assert good_height == bad_height == pytest.approx(2 * half, abs=0.1)
    assert bad_y + bad_height == pytest.approx(good_y, abs=0.2)


def test_a_line_is_broken_where_there_is_no_number() -> None:
    root = parsed(charts.lines(FRAME, [Series("p95", "second", [1.0, None, 0.5])]))
    (path,) = root.iter("path")
    assert path.attrib["d"].count("M") == 2
    assert path.attrib["d"].count("L") == 0
    titles = [circle.findtext("title") for circle in root.iter("circle")]
    assert titles == ["10:00 p95: 1", "10:04 p95: 0.5"]


def test_rows_have_their_names_and_long_ones_are_cut_at_their_front() -> None:
    name = "shop.billing.invoices.tasks.monthly.send_the_monthly_invoice_to"
    frame = FRAME._replace(labels=[name, "b<i>"])
    root = parsed(charts.rows_of_bars(frame, [Series("failed", "bad", [5, 0])]))
    texts = [text.text for text in root.iter("text")]
    assert texts[0] is not None
    assert texts[0].startswith("…")
    assert texts[0].endswith("send_the_monthly_invoice_to")
    assert "b<i>" in texts
    assert len(bars(root)) == 1


def test_a_chart_of_nothing_can_be_drawn() -> None:
    empty = Frame("c", "t", "d", [], str)
    for draw in (charts.stacked_bars, charts.lines, charts.rows_of_bars):
        parsed(draw(empty, [Series("good", "good", [])]))


def test_the_top_of_a_chart_is_round_and_no_lower_than_its_numbers() -> None:
    assert [ceiling(most) for most in (0, 0.003, 1, 1.3, 7, 10, 11, 260, 4999, 8001)] == [
        1.0, 0.004, 1.2, 1.6, 8.0, 12.0, 12.0, 400.0, 8000.0, 12000.0,
    ]  # fmt: skip
    tops = [ceiling(most / 7) for most in range(1, 500)]
    assert all(before <= after for before, after in pairwise(tops))
    assert all(top >= most / 7 for most, top in enumerate(tops, 1))
