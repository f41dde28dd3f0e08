"""What tests read on pages, with patience: what a worker does shows after a while."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.deadlines import wait_until

LONGEST = 30.0


def job_page(id: str, site: str = "admin") -> str:
    """Return the path of the page of a job."""
    return f"/{site}/django_taskq/job/{id}/change/"


def field(page: Page, name: str) -> Locator:
    """Return the value of a read-only field."""
    return page.locator(f".field-{name} .readonly")


def reload_until(page: Page, told: Locator, pattern: str) -> None:
    """Load the page again and again until something matches."""

    def matches() -> bool:
        if re.search(pattern, told.first.inner_text()):
            return True
        page.reload()
        return False

    wait_until(matches, timeout=LONGEST, what=f"{pattern!r} on {page.url}")


def message_of(page: Page) -> Locator:
    """Return the messages at the top of a page."""
    return page.locator("ul.messagelist")


def choose_action(page: Page, label: str) -> None:
    """Choose an action of a list, run it, and confirm what it asks."""
    page.get_by_label("Action:").select_option(label=label)
    page.get_by_role("button", name=re.compile("^(Go|Run)$")).first.click()
    confirm(page)


def confirm(page: Page) -> None:
    """Say yes to the question of how many rows are meant, where there is one."""
    question = page.locator("form:has([name=confirmed]) [type=submit]")
    expect(question.or_(message_of(page)).first).to_be_visible()
    if question.count():
        question.first.click()


def assert_succeeded(page: Page) -> None:
    """Wait until the job of the page has succeeded."""
    reload_until(page, field(page, "state_cell"), "SUCCESSFUL")
    expect(field(page, "state_cell")).to_contain_text("SUCCESSFUL")
