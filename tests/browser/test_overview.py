"""The overview: what is there now, charts with their tables, other spans of time."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.reading import reload_until


def test_the_overview_shows_what_ended_over_spans_of_time(
    open_page: Open, known: dict[str, str]
) -> None:
    page = open_page("/admin/django_taskq/job/overview/")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="default"))
    reload_until(page, row.first, r"\b1\b")
    # Workers write what they have counted every ten seconds.
    reload_until(page, page.locator("dl.taskq-tiles dd"), "[1-9]")
    chart = page.locator("svg.taskq-chart").first
    expect(chart).to_be_visible()
    assert chart.get_attribute("aria-label") or chart.get_attribute("aria-labelledby")
    summary = page.get_by_text("The same as a table").first
    summary.focus()
    summary.press("Enter")
    expect(page.locator("details[open] td.taskq-number").first).to_have_text(re.compile(r"\d"))
    page.get_by_role("link", name=re.compile("day")).click()
    expect(page.locator("[aria-current=true]").first).to_contain_text("day")
    expect(page.locator("svg.taskq-chart").first).to_be_visible()
