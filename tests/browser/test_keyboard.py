"""Everything can be done without a mouse."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, go
from tests.browser.reading import field, job_page, message_of, reload_until

MOST_PRESSES = 120
IS_FOCUSED = "(selector) => document.activeElement.matches(selector)"


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press the tabulator until the focus is on what the selector says."""
    for _ in range(MOST_PRESSES):
        page.keyboard.press(key)
        if page.evaluate(IS_FOCUSED, selector):
            return
    raise AssertionError(f"{page.url}: {selector} is not reached by {MOST_PRESSES} tabulators.")


def test_a_job_is_retried_by_keys_alone(open_page: Open, known: dict[str, str]) -> None:
    page = open_page(job_page(known["image_job"]))
    reload_until(page, field(page, "state_cell"), "FAILED")
    go(page, "/admin/django_taskq/job/?state=FAILED")
    tab_to(page, "select[name=action]")
    page.keyboard.type("Retry")
    tab_to(page, "input.action-select")
    page.keyboard.press("Space")
    tab_to(page, ".actions button, .actions [type=submit]", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[name=confirmed]")).to_have_count(1)
    tab_to(page, "form:has([name=confirmed]) [type=submit]")
    page.keyboard.press("Enter")
    expect(message_of(page)).to_contain_text("1 job will run again.")
