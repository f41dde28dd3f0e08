"""What a job's page tells beside its payload: its times, its neighbours, other lists."""

from datetime import UTC, datetime

import pytest

from django_taskq.admin import cells
from tests.admin.pages import LIST, SignIn, rows
from tests.app import tasks
from tests.running import run_due

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_job_shows_what_it_waits_for_and_what_waits_for_it(sign_in: SignIn, alias: str) -> None:
    on = tasks.echo.using(backend=alias)
    first = on.enqueue(1)
    middle = on.using(depends_on=[first]).enqueue(2)
    last = on.using(depends_on=[middle]).enqueue(3)
    client = sign_in("view_job")
    page = client.get(f"{LIST}{middle.id}/change/").content.decode()
    before, after = page.partition("What waits for it")[::2]
    assert "Waits for" in before
    assert f'href="{LIST}{first.id}/change/"' in before
    assert f'href="{LIST}{last.id}/change/"' in after
    assert "READY" in before
    assert "DEFERRED" in after
    rows(alias).filter(public_id=first.id).delete()
    page = client.get(f"{LIST}{middle.id}/change/").content.decode()
    assert "not seen yet, or deleted" in page


def test_a_timeline_tells_every_try_in_its_order(sign_in: SignIn, alias: str) -> None:
    job = tasks.succeed_on.using(backend=alias, max_tries=3, backoff=0).enqueue(2)
    run_due(alias)
    page = sign_in("view_job").get(f"{LIST}{job.id}/change/").content.decode()
    told = (
        "Enqueued", "First started", "Attempt 1 started", "Attempt 1: retry",
        "Attempt 2 started", "Ended: SUCCESSFUL",
    )  # fmt: skip
    timeline = page.partition('<table class="taskq-table"')[2]
    places = [timeline.find(f">{event}<") for event in told]
    assert -1 not in places, dict(zip(told, places, strict=True))
    assert places == sorted(places)


def test_a_job_leads_to_the_lists_of_its_like(sign_in: SignIn, alias: str) -> None:
    on = tasks.echo.using(backend=alias, tenant="a&b", metadata={"about": "app.thing:5"})
    job = on.enqueue(1)
    page = sign_in("view_job").get(f"{LIST}{job.id}/change/").content.decode()
    assert f'href="{LIST}?tenant=a%26b"' in page
    assert f'href="{LIST}?task=tests.app.tasks.echo"' in page
    assert f'href="{LIST}?about=app.thing%3A5"' in page


def test_a_timeline_tells_the_millisecond() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 67_800, tzinfo=UTC)
    assert cells.exact(at) == "Jan. 2, 2026, 03:04:05.067"
