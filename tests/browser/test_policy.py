"""A strict Content-Security-Policy finds nothing to forbid, and what it forbids is noticed."""

from playwright.sync_api import Browser

from tests.browser.chromium import Reader
from tests.browser.site import Site


def test_what_a_page_has_inside_is_noticed(browser: Browser, site: Site) -> None:
    reader = Reader(browser, site.address)
    response = reader.page.goto("/forbidden/")
    assert response is not None
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert reader.page.title() == "-"
    told = "\n".join(reader.complaints)
    reader.context.close()
    assert "script-src-elem forbids inline" in told
    assert "style-src-attr forbids inline" in told
