"""Further pages of a schedule: next runs before it is saved, all its ticks, its backfills."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_taskq.control import database_of
from django_taskq.models import Backfill, Job, Schedule, Tick
from django_taskq.models.schedule import Decision
from django_taskq.scheduling.backfills import backfill
from tests.admin.pages import SignIn, told
from tests.admin.test_schedules import form_of, page_of, under
from tests.scheduling.definitions import added

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NOW = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)


def beneath(row: Schedule, page: str) -> str:
    return f"/admin/django_taskq/schedule/{row.pk}/{page}/?database={database_of(row.backend)}"


# Next runs before saving.


def test_the_next_runs_of_what_is_typed_are_shown_and_nothing_is_saved(
    sign_in: SignIn, alias: str
) -> None:
    client = sign_in("*")
    with time_machine.travel(NOW, tick=False):
        row = added(alias, expression="0 9 * * *", timezone="Europe/Paris")
        typed = form_of(client, page_of(row), expression="30 2 * * *")
        page = client.post(page_of(row), {**typed, "_preview": "Show next runs"})
    text = page.content.decode()
    assert "Next runs of what is typed below" in text
    assert "2026-10-25 02:30:00 CEST" in text
    # The clocks are set back that night; it runs once, and says so.
    assert "exists twice" in text or "twice" in text
    assert "Please correct the error" not in text
    assert 'value="30 2 * * *"' in text
    row.refresh_from_db()
    assert row.expression == "0 9 * * *"
    assert not LogEntry.objects.exists()


def test_a_new_schedule_shows_its_next_runs_too_and_what_is_wrong_with_it(
    sign_in: SignIn, alias: str
) -> None:
    client = sign_in("*")
    add = under(alias, "add")
    given = {"name": "new", "task": "tests.app.tasks.echo", "backend": alias, "expression": ""}
    typed = form_of(client, add, **given, every="1h") | {"_preview": "yes"}
    page = client.post(add, typed)
    assert page.context["preview"].count("<tr>") == 10 + 1
    page = client.post(add, typed | {"every": "nonsense"})
    assert "preview" not in page.context or page.context.get("preview") is None
    assert "nonsense" in page.content.decode()
    assert not Schedule.objects.using(database_of(alias)).exists()


# Ticks.


def test_all_ticks_are_paged_from_the_newest_on_by_few_queries(sign_in: SignIn, alias: str) -> None:
    row = added(alias)
    Tick.objects.using(database_of(alias)).bulk_create(
        Tick(
            schedule=row, due_at=NOW - timedelta(minutes=n // 2), is_by_hand=bool(n % 2),
            decision=Decision.MISSED, decided_at=NOW, reason=f"<b>reason {n}",
        )
        for n in range(250)
    )  # fmt: skip
    client, url, seen = sign_in("view_schedule"), beneath(row, "ticks"), []
    while url:
        with CaptureQueriesContext(connections[database_of(alias)]) as queries:
            page = client.get(unescape(url))
        assert len(queries) <= 12
        rows = page.context["table"].split("<tr>")[2:]
        seen += [cell.rpartition("reason ")[2].partition("<")[0] for cell in rows]
        url = page.context.get("older", "")
    assert len(seen) == len(set(seen)) == 250
    assert "&lt;b&gt;reason" in page.content.decode()
    assert page.context["newest"]
    assert client.get(beneath(row, "ticks") + "&before=nonsense").context["newest"] == ""


def test_who_may_not_view_schedules_sees_no_ticks(sign_in: SignIn, alias: str) -> None:
    assert sign_in("view_job").get(beneath(added(alias), "ticks")).status_code == 403


# Backfills.


def test_a_backfill_is_begun_once_it_was_said_twice_and_can_be_stopped(
    sign_in: SignIn, alias: str
) -> None:
    row = added(alias, expression="0 0 * * *", overlap="allow")
    client, url = sign_in("*"), beneath(row, "backfill")
    wanted = {"since": "2026-01-01", "until": "2026-01-05 00:00", "max_running": "2"}
    text = client.post(url, wanted).content.decode()
    assert "has none yet: 5 instants." in text
    assert not Backfill.objects.using(database_of(alias)).exists()
    page = client.post(url, {**wanted, "confirmed": "yes"}, follow=True)
    assert "The backfill has begun" in told(page)
    made = Backfill.objects.using(database_of(alias)).get()
    assert (made.max_running, made.stopped_at) == (2, None)
    assert "Backfills 2026-01-01" in LogEntry.objects.get().change_message
    assert f'name="stop" value="{made.pk}"' in page.content.decode()

    assert "makes no more jobs" in client.post(url, {"stop": str(made.pk)}).content.decode()
    stopped = client.post(url, {"stop": str(made.pk), "confirmed": "yes"}, follow=True)
    assert "Stopped" in told(stopped)
    made.refresh_from_db()
    assert made.stopped_at is not None
    assert "stopped before" in told(client.post(url, {"stop": str(made.pk)}, follow=True))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"since": ""}, "This field is required."),
        ({"since": "yesterday"}, "yesterday"),
        ({"since": "2026-01-05", "until": "2026-01-01", "confirmed": "yes"}, "2026-01-0"),
    ],
)
def test_a_range_that_cannot_be_is_refused_in_a_sentence(
    sign_in: SignIn, alias: str, wanted: dict[str, str], sentence: str
) -> None:
    row = added(alias, expression="0 0 * * *")
    page = sign_in("*").post(beneath(row, "backfill"), wanted)
    assert page.status_code == 200
    errors = str(page.context["form"].errors)
    assert errors
    assert sentence in unescape(errors)
    assert not Backfill.objects.using(database_of(alias)).exists()


def test_to_backfill_needs_the_permission_to_run(sign_in: SignIn, alias: str) -> None:
    row = added(alias, expression="0 0 * * *")
    client = sign_in("view_schedule", "change_schedule")
    assert "backfill" not in client.get(page_of(row)).context.get("backfill_address", "")
    url = beneath(row, "backfill")
    assert client.get(url).status_code == 403
    assert client.post(url, {"since": "2026-01-01", "confirmed": "yes"}).status_code == 403
    assert not Backfill.objects.using(database_of(alias)).exists()


def test_of_a_large_backfill_the_newest_jobs_tell_how_far_it_is(
    sign_in: SignIn, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.admin.schedules.MOST_OF_BACKFILL", 3)
    row = added(alias, expression="0 0 * * *")
    backfill(row, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    assert Job.objects.using(database_of(alias)).count() == 5
    text: Any = sign_in("view_schedule").get(page_of(row)).content.decode()
    assert "<td>3+</td><td>3</td>" in text
