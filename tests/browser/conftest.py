"""A site that runs, a browser, and readers who are signed in to it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from example_project.opening import PASSWORD, USER
from tests.browser import chromium
from tests.browser.chromium import PATIENCE, Reader
from tests.browser.site import Site

type Open = Callable[..., Page]

expect.set_options(timeout=PATIENCE)


# Of this package, not of the run: while Playwright is there, Django takes the thread for an event
# loop's, so it must have ended when tests of other packages go on.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        told = "no Chromium was found on this machine; install Debian's package `chromium`."
        if os.environ.get("CI"):
            pytest.fail(f"The browser tests cannot run: {told}")
        pytest.skip(f"The browser tests did not run: {told}")
    with chromium.running(path) as browser:
        yield browser


@pytest.fixture(scope="package")
def filled(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The site with its worker, and where things are in it."""
    site = Site(tmp_path_factory.mktemp("desk"))
    found = site.fill()
    try:
        site.start()
        yield site, found
    finally:
        site.stop()


@pytest.fixture(scope="package")
def site(filled: tuple[Site, dict[str, str]]) -> Site:
    return filled[0]


@pytest.fixture(scope="package")
def known(filled: tuple[Site, dict[str, str]]) -> dict[str, str]:
    """The ids and names of what was filled in."""
    return filled[1]


@pytest.fixture(scope="package")
def signed_in(browser: Browser, site: Site) -> StorageState:
    """The cookies of somebody who has logged in."""
    reader = Reader(browser, site.address)
    log_in(reader.page)
    state = reader.context.storage_state()
    reader.context.close()
    return state


@pytest.fixture
def open_page(
    browser: Browser, site: Site, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Open a window; the test fails if the browser has complained of any page in it.

    `is_known=False` opens one that has not logged in.
    """
    readers: list[Reader] = []

    def open_page(path: str = "", *, is_known: bool = True, **options: Any) -> Page:
        if is_known:
            options["storage_state"] = request.getfixturevalue("signed_in")
        reader = Reader(browser, site.address, **options)
        readers.append(reader)
        if path:
            go(reader.page, path)
        return reader.page

    yield open_page
    complaints = [told for reader in readers for told in reader.complaints]
    for reader in readers:
        reader.context.close()
    assert complaints == []


def log_in(page: Page) -> None:
    """Fill in the form of the login, whatever it looks like."""
    page.goto("/admin/")
    page.locator("[name=username]").fill(USER)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.locator("[name=password]")).to_have_count(0)


def go(page: Page, path: str) -> None:
    """Go to a page. Fail where it does not answer with one."""
    response = page.goto(path)
    assert response is not None
    assert response.ok, f"{path}: {response.status}"
