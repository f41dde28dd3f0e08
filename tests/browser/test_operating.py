"""What operators do, from the first click to what comes of it."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, go, log_in
from tests.browser.reading import (
    LONGEST,
    assert_succeeded,
    choose_action,
    field,
    job_page,
    message_of,
    reload_until,
)
from tests.deadlines import wait_until


def hand_in(desk: Page, text: str) -> None:
    """Hand a text in at the desk, which then shows its job."""
    go(desk, "/customers/globex/")
    desk.locator("textarea").fill(text)
    desk.get_by_role("button", name="Hand in").click()


def job_id(desk: Page) -> str:
    return desk.locator("dl.small code").first.inner_text()


def test_a_failed_job_is_found_read_retried_and_succeeds(
    open_page: Open, known: dict[str, str]
) -> None:
    page = open_page(is_known=False)
    log_in(page)
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    page.get_by_role("link", name="FAILED", exact=True).click()
    id = known["late_job"]
    reload_until(page, page.locator("#changelist"), id)
    page.get_by_role("link", name=id).click()
    assert "FAILED" in field(page, "state_cell").inner_text()
    expect(field(page, "reason_line")).to_contain_text("The file cannot be opened")

    Path(known["late_path"]).write_text("It has come at last.")
    page.go_back()
    page.get_by_role("row").filter(has_text=id).get_by_role("checkbox").check()
    choose_action(page, "Retry the selected jobs")
    expect(message_of(page)).to_contain_text("1 job will run again.")
    go(page, job_page(id))
    assert_succeeded(page)


def test_a_paused_queue_says_so_and_goes_on_when_it_is_resumed(open_page: Open) -> None:
    page = open_page("/admin/django_taskq/queue/")
    page.get_by_role("row").filter(has_text="documents").get_by_role("checkbox").check()
    choose_action(page, "Pause the selected queues")
    expect(message_of(page)).to_contain_text("now paused")

    desk = open_page("/customers/globex/")

    def waits() -> bool:
        """Hand a text in; tell whether it waits. The worker sees the pause within five seconds."""
        hand_in(desk, "A text that has to wait.")
        expect(desk.locator("#job")).to_be_visible()
        go(page, job_page(job_id(desk)))
        return "paused" in field(page, "why_line").inner_text()

    wait_until(waits, timeout=LONGEST, what="a job to wait for its queue")
    expect(field(page, "state_cell")).to_contain_text("READY")
    id = job_id(desk)

    go(page, "/admin/django_taskq/queue/")
    page.get_by_role("row").filter(has_text="documents").get_by_role("checkbox").check()
    choose_action(page, "Resume the selected queues")
    expect(message_of(page)).to_contain_text("now not paused")
    go(page, job_page(id))
    assert_succeeded(page)
    # The page of the desk has followed the job by itself.
    expect(desk.locator("#state")).to_have_text("successful")


def test_an_edited_schedule_shows_its_next_runs(open_page: Open, known: dict[str, str]) -> None:
    page = open_page("/admin/django_taskq/schedule/")
    page.get_by_role("link", name=known["schedule"]).click()
    expect(field(page, "next_runs")).to_contain_text("02:30")
    page.get_by_label("Expression:").fill("15 7 * * mon")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(message_of(page)).to_contain_text("was changed successfully")
    expect(field(page, "next_runs")).to_contain_text("07:15")
    expect(field(page, "next_runs")).not_to_contain_text("02:30")


def test_a_wrong_expression_is_refused_beside_its_field(open_page: Open) -> None:
    page = open_page("/admin/django_taskq/schedule/")
    page.get_by_role("link", name="nightly").click()
    page.get_by_label("Expression:").fill("99 * * * *")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".field-expression .errorlist")).to_be_visible()
