"""Beside django-unfold, which replaces the admin's templates, every page is still there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Reader
from tests.browser.conftest import log_in
from tests.browser.looking import MAIN, kind_of, walk
from tests.browser.site import Site


@pytest.fixture
def unfolded(site: Site, known: dict[str, str]) -> Iterator[Site]:
    """A second site over the same database, with Unfold installed."""
    second = Site(site.directory, TASKQ_BROWSER_UNFOLD="yes")
    try:
        second.serve()
        yield second
    finally:
        second.stop()


def test_every_page_is_shown_beside_unfold(browser: Browser, unfolded: Site) -> None:
    reader = Reader(browser, unfolded.address)
    log_in(reader.page)
    assert "unfold/css" in reader.page.content()
    kinds = {kind_of(path) for path in walk(reader.page, "/admin/django_taskq/")}
    reader.context.close()
    assert reader.complaints == []
    assert kinds >= {f"/admin{path}" for path in MAIN}
