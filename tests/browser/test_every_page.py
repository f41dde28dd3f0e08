"""Each page of the app, found by its links: on a narrow screen, in both themes, on any site."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.looking import MAIN, bar, kind_of, links, overflow, pale, walk

NARROW = {"viewport": {"width": 390, "height": 844}}


def leaves(path: str, site: str) -> bool:
    """Tell whether a path is that of another admin site."""
    return any(path.startswith(f"/{other}/") for other in {"admin", "operations"} - {site})


def seen_on(page: Page, site: str) -> dict[str, list[str]]:
    """Walk through all pages; return what is wrong with each kind of them."""
    found, bars = {}, {}
    for path in walk(page, f"/{site}/django_taskq/"):
        bars[path] = bar(page)
        found[kind_of(path).removeprefix(f"/{site}")] = [
            *(f"is wider than the screen: {told}" for told in overflow(page)),
            *(f"is hard to read: {told}" for told in pale(page)),
            *(f"leads to {link.path}" for link in links(page) if leaves(link.path, site)),
        ]
    assert len(set(bars.values())) == 1, bars
    assert found.keys() >= MAIN, sorted(MAIN - found.keys())
    return {path: wrong for path, wrong in found.items() if wrong}


def test_every_page_fits_a_narrow_screen_and_is_read_in_the_dark(open_page: Open) -> None:
    page = open_page(color_scheme="dark", **NARROW)
    assert seen_on(page, "admin") == {}


def test_every_page_is_read_in_the_light_on_a_site_of_another_name(open_page: Open) -> None:
    assert seen_on(open_page(color_scheme="light"), "operations") == {}


def test_the_switch_of_themes_reaches_what_is_ours(open_page: Open, known: dict[str, str]) -> None:
    page = open_page(f"/admin/django_taskq/run/{known['run']}/change/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds = set()
    for theme in ("dark", "light"):
        page.get_by_role("button", name="Toggle theme").first.click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert pale(page) == []
        grounds.add(page.evaluate(ground))
    assert len(grounds) == 2
