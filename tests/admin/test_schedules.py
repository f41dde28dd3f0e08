"""Schedules in the admin: what is shown, what can be written, the actions and who may take them."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_taskq.control import database_of, get_job
from django_taskq.models import Job, Schedule, Tick
from django_taskq.models.schedule import Decision, Source
from django_taskq.scheduling import edits
from django_taskq.scheduling.backfills import backfill
from tests.admin.pages import SignIn, told
from tests.scheduling.definitions import ECHO, added

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LIST = "/admin/django_taskq/schedule/"
NOW = datetime(2026, 3, 28, 12, 0, 30, tzinfo=UTC)


def rows(alias: str) -> Any:
    return Schedule.objects.using(database_of(alias))


def on(alias: str) -> str:
    return f"{LIST}?database={database_of(alias)}"


def under(alias: str, place: Any) -> str:
    return f"{LIST}{place}/?_changelist_filters=database%3D{database_of(alias)}"


def page_of(row: Schedule) -> str:
    return under(row.backend, f"{row.pk}/change")


def form_of(client: Client, url: str, **changes: str) -> dict[str, str]:
    """Return what a browser would send: all that the form showed, with some of it changed."""
    form = client.get(url).context["adminform"].form
    sent: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if field.name == "enabled":
            sent |= {"enabled": "on"} if value else {}
        else:
            sent[field.name] = "" if value is None else str(value)
        sent[field.html_initial_name] = "" if value is None else str(value)
    sent |= changes
    return {name: value for name, value in sent.items() if value != "(off)"}


def send(client: Client, url: str, **changes: str) -> Any:
    return client.post(url, form_of(client, url, **changes), follow=True)


def act(client: Client, action: str, alias: str, **more: str) -> Any:
    keys = [*rows(alias).values_list("pk", flat=True)]
    sent = {"action": action, "_selected_action": keys, "index": "0", **more}
    return client.post(on(alias), sent, follow=True)


# What is shown.


def test_the_list_shows_the_next_run_in_its_zone_and_in_utc_with_a_note(
    sign_in: SignIn, alias: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        row = added(alias, expression="30 2 * * *", timezone="Europe/Paris", tenant="<b>")
        Tick.objects.using(database_of(alias)).create(
            schedule=row, due_at=NOW, decision=Decision.SKIPPED, decided_at=NOW
        )
        edits.disable(added(alias, name="off"), "<i>the reason</i>")
        text = sign_in("view_schedule").get(on(alias)).content.decode()
    assert "2026-03-29 03:00:00 CEST (Europe/Paris)" in text
    assert "2026-03-29 01:00:00" in text
    assert "02:30 does not exist on 2026-03-29 in Europe/Paris" in text
    assert "skipped" in text
    assert "&lt;i&gt;the reason&lt;/i&gt;" in text
    assert "<i>the reason" not in text


def test_a_page_shows_the_runs_and_the_ticks_with_links_to_their_jobs(
    sign_in: SignIn, alias: str
) -> None:
    row = added(alias)
    act(sign_in("*"), "run_schedules_now", alias)
    job = Job.objects.using(database_of(alias)).get()
    for permissions, has_link in (
        (["view_schedule"], False),
        (["view_schedule", "view_job"], True),
    ):
        client = Client()
        client.force_login(reader(*permissions))
        text = client.get(page_of(row)).content.decode()
        assert "fired by hand" in text
        assert (f"/admin/django_taskq/job/{job.public_id}/change/" in text) is has_link


def test_a_page_tells_how_far_a_backfill_is(sign_in: SignIn, alias: str) -> None:
    row = added(alias, expression="0 0 * * *")
    backfill(row, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    text = sign_in("view_schedule").get(page_of(row)).content.decode()
    assert "<td>1</td><td>5</td><td>5</td><td>0</td><td>0</td><td>0</td>" in text


def test_a_schedule_of_an_alias_that_is_gone_is_shown(sign_in: SignIn) -> None:
    row = added(expression="0 0 * * *")
    backfill(row, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    Schedule.objects.update(backend="gone")
    client = sign_in("*")
    assert "gone" in client.get(LIST).content.decode()
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert "backend: expected one of" in told(act(client, "run_schedules_now", "default"))


def test_a_jobs_page_leads_to_the_schedule_that_made_it(sign_in: SignIn, alias: str) -> None:
    row = added(alias)
    client = sign_in("*")
    act(client, "run_schedules_now", alias)
    job = Job.objects.using(database_of(alias)).get()
    page = f"/admin/django_taskq/job/{job.public_id}/change/"
    text = client.get(page).content.decode()
    assert f'<a href="{page_of(row)}">nightly</a>, due ' in text
    edits.remove(row)
    assert "removed since, due " in client.get(page).content.decode()


def reader(*permissions: str) -> Any:
    from django.contrib.auth.models import Permission, User

    user = User.objects.create(username="-".join(permissions), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


# What can be written.


def test_a_schedule_is_added_for_a_task_that_can_be_chosen(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_schedule", "add_schedule")
    url = under(alias, "add")
    text = client.get(url).content.decode()
    assert f'<option value="{ECHO}">' in text
    assert "django_taskq.benchmark" not in text
    page = send(
        client, url, name="report", task=ECHO, args="[1]", every="1m30s", backend=alias,
        start_at="2100-01-01 09:00", timezone="Europe/Paris", options='{"max_tries": 3}',
        catchup="all", catchup_limit="5", jitter="2",
    )  # fmt: skip
    assert "was added successfully" in told(page)
    row = rows(alias).get()
    assert (row.name, row.task, row.args, row.every, row.backend) == (
        "report", ECHO, "[1]", 90.0, alias,
    )  # fmt: skip
    assert row.start_at == datetime(2100, 1, 1, 8, 0, tzinfo=UTC)
    assert (row.catchup, row.catchup_limit, row.jitter) == ("all", 5, 2.0)
    assert (row.enabled, row.next_at) == (True, row.start_at)
    assert LogEntry.objects.get().object_repr == "report"


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"name": ""}, "name", "This field is required."),
    ({"name": "known"}, "name", "A schedule has this name already."),
    ({"task": "os.getcwd"}, "task", "Select a valid choice."),
    ({"expression": "0 0 30 2 *"}, "expression", "never"),
    ({"expression": ""}, "expression", "Expected one of expression, every, at, got none."),
    ({"expression": "", "every": "soon"}, "every", "expected seconds or a duration like 30s"),
    ({"expression": "", "at": "noon"}, "at", "Expected a time like 2026-12-24T18:00"),
    ({"timezone": "Mars"}, "timezone", "timezone: expected the name of an IANA time zone"),
    ({"args": "[1, 2]"}, "args", "args: expected what echo("),
    ({"args": "{}x"}, "args", "Extra data"),
    ({"kwargs": "[1]"}, "kwargs", "Expected a JSON object, got &#x27;[1]&#x27;."),
    ({"options": '{"max_trys": 3}'}, "options", "Did you mean max_tries?"),
    ({"priority": "101"}, "priority", "priority"),
    ({"catchup_limit": "5"}, "catchup", "catchup: expected none, last, all or all:N"),
    ({"jitter": "-1"}, "jitter", "jitter: expected seconds from 0 to 86400"),
]


def test_a_form_says_what_is_wrong_at_the_field(sign_in: SignIn) -> None:
    added(name="known")
    client = sign_in("*")
    url = f"{LIST}add/"
    for changes, field, sentence in WRONG:
        given = {"name": "report", "task": ECHO, "expression": "@daily", **changes}
        page = send(client, url, **given)
        assert page.status_code == 200
        assert list(page.context["adminform"].form.errors) == [field], changes
        assert sentence in page.content.decode(), changes
    assert [row.name for row in Schedule.objects.all()] == ["known"]


def test_a_backend_of_another_database_is_added_there(sign_in: SignIn) -> None:
    page = send(sign_in("*"), under("postgresql", "add"), name="x", task=ECHO, expression="@daily")
    assert "Expected a backend whose schedules are in the database" in page.content.decode()
    assert not Schedule.objects.exists()


def test_a_change_writes_what_the_reader_changed_and_nothing_else(
    sign_in: SignIn, alias: str
) -> None:
    row = added(alias, tenant="acme", catchup="all:5", start_at=datetime(2100, 1, 1, tzinfo=UTC))
    client = sign_in("view_schedule", "change_schedule")
    sent = form_of(client, page_of(row), priority="7")
    edits.change(row, {"tenant": "globex", "args": [1]})
    page = client.post(page_of(row), sent, follow=True)
    assert "changed successfully" in told(page)
    kept = rows(alias).get()
    assert (kept.priority, kept.tenant, kept.args) == (7, "globex", "[1]")
    assert (kept.catchup, kept.catchup_limit, kept.revision) == ("all", 5, 2)
    assert kept.next_at == row.next_at
    assert LogEntry.objects.get().get_change_message() == "Changed Priority."


def test_a_form_switches_it_off_and_on(sign_in: SignIn, alias: str) -> None:
    row = added(alias)
    client = sign_in("*")
    send(client, page_of(row), enabled="(off)")
    assert not rows(alias).get().enabled
    send(client, page_of(row), enabled="on")
    assert rows(alias).get().enabled


def test_what_was_removed_meanwhile_leads_back_with_a_message(sign_in: SignIn) -> None:
    row = added()
    client = sign_in("*")
    sent = form_of(client, page_of(row), priority="7")
    edits.remove(row)
    assert "exist" in told(client.post(page_of(row), sent, follow=True))


def test_one_of_the_code_can_only_be_switched(sign_in: SignIn, alias: str) -> None:
    row = added(alias, args=[1])
    rows(alias).update(source=Source.CODE)
    client = sign_in("*")
    form = client.get(page_of(row)).context["adminform"].form
    assert list(form.fields) == ["enabled"]
    client.post(page_of(row), {"initial-enabled": "on", "args": "[2]"})
    kept = rows(alias).get()
    assert (kept.enabled, kept.args) == (False, "[1]")
    assert client.post(under(alias, f"{row.pk}/delete"), {"post": "yes"}).status_code == 403
    act(client, "delete_selected", alias, post="yes")
    assert rows(alias).exists()


def test_schedules_are_deleted_with_their_ticks(sign_in: SignIn, alias: str) -> None:
    added(alias)
    client = sign_in("*")
    act(client, "run_schedules_now", alias)
    assert "nightly" in act(client, "delete_selected", alias).content.decode()
    act(client, "delete_selected", alias, post="yes")
    assert not rows(alias).exists()
    assert not Tick.objects.using(database_of(alias)).exists()


# Actions.


def test_many_are_switched_with_an_entry_for_each(sign_in: SignIn, alias: str) -> None:
    added(alias)
    edits.disable(added(alias, name="off"))
    client = sign_in("view_schedule", "change_schedule")
    page = act(client, "disable", alias)
    assert "1 schedule now disabled." in told(page)
    assert "1 left as before: disabled already." in told(page)
    rows(alias).filter(name="off").update(task="gone.task")
    page = act(client, "enable", alias)
    assert "1 schedule now enabled." in told(page)
    assert "off: task: expected the import path of a registered task" in told(page)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Enabled -> disabled.", "Disabled -> enabled.",
    ]  # fmt: skip


def test_run_now_makes_a_job_of_each(sign_in: SignIn, alias: str) -> None:
    added(alias, args=[7])
    page = act(sign_in("view_schedule", "run_schedule"), "run_schedules_now", alias)
    assert "1 schedule run now." in told(page)
    id = LogEntry.objects.get().change_message.split()[-1].rstrip(".")
    assert get_job(id, alias).args == "[7]"


@pytest.mark.parametrize(
    ("action", "needed"),
    [
        ("enable", "change_schedule"),
        ("disable", "change_schedule"),
        ("run_schedules_now", "run_schedule"),
        ("delete_selected", "delete_schedule"),
    ],
)
def test_each_action_needs_its_permission(sign_in: SignIn, action: str, needed: str) -> None:
    row = added()
    if action == "enable":
        edits.disable(row)
    before = Schedule.objects.values().get()
    every = {"add_schedule", "change_schedule", "run_schedule", "delete_schedule"}
    client = sign_in("view_schedule", *(every - {needed}))
    assert f'value="{action}"' not in client.get(LIST).content.decode()
    act(client, action, "default", post="yes")
    assert Schedule.objects.values().get() == before
    assert not Job.objects.exists()


def test_who_may_only_view_can_neither_add_nor_change(sign_in: SignIn) -> None:
    row = added()
    client = sign_in("view_schedule")
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(page_of(row)).status_code == 200
    assert client.post(page_of(row), {"enabled": "on"}).status_code == 403
