"""Tenants and queues in the admin: what operators say of them, and what waits and runs."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from django_taskq.admin import TenantAdmin
from django_taskq.control import database_of, store_of
from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.servings import REST, Serving
from django_taskq.jobs.workers import WorkerInfo
from django_taskq.models import Job, Queue, Tenant
from tests.admin.pages import SignIn, told
from tests.app import tasks
from tests.stores.contracts.rolling_up import counts

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

TENANTS = "/admin/django_taskq/tenant/"
QUEUES = "/admin/django_taskq/queue/"
# The hidden fields that tell what a form had shown.
SHOWN = {
    "initial-weight": "1", "initial-max_running": "", "initial-max_rate": "",
    "initial-paused": "False",
}  # fmt: skip

other_site = AdminSite(name="other")
other_site.register(Tenant, TenantAdmin)
urlpatterns = [path("other/", other_site.urls), path("", include("tests.urls"))]


def rows(alias: str, kind: Any = Tenant) -> Any:
    """Return the rows in the database of an alias."""
    return kind.objects.using(database_of(alias))


def on(alias: str, url: str) -> str:
    """Return the address of a list, in the database of an alias."""
    return f"{url}?database={database_of(alias)}"


def under(alias: str, url: str) -> str:
    """Return the address of a page that was reached from such a list."""
    return f"{url}?_changelist_filters=database%3D{database_of(alias)}"


def columns(alias: str, name: str) -> Any:
    found = rows(alias).filter(name=name)
    return found.values_list("weight", "max_running", "max_rate", "paused").first()


def cells(page: Any, column: str) -> dict[str, Any]:
    """Return a column of a list by the names of its rows."""
    listed = page.context["cl"]
    return {row.name: getattr(listed.model_admin, column)(row) for row in listed.result_list}


def act(client: Client, action: str, alias: str, kind: Any = Tenant, **more: str) -> Any:
    """Act on all rows in the database of an alias."""
    keys = [*rows(alias, kind).values_list("pk", flat=True)[:100]]
    return client.post(
        on(alias, TENANTS if kind is Tenant else QUEUES),
        {"action": action, "_selected_action": keys, "index": "0", "confirmed": "yes", **more},
        follow=True,
    )


# The lists.


def test_a_list_shows_what_operators_say_with_what_waits_and_runs(
    sign_in: SignIn, alias: str
) -> None:
    rows(alias).create(name="acme", weight=3, max_running=20, max_rate="10/s")
    rows(alias).create(name="idle", paused=True)
    rows(alias, Queue).create(name="mail", max_running=7)
    enqueue = tasks.echo.using(backend=alias, tenant="acme", queue_name="mail")
    for n in range(4):
        enqueue.enqueue(n)
    enqueue.using(run_after=timedelta(hours=1)).enqueue(4)
    jobs = Job.objects.using(database_of(alias))
    jobs.filter(args="[0]").update(state="RUNNING")
    jobs.filter(args="[1]").update(state="DEFERRED")
    client = sign_in("view_tenant", "view_queue")
    for url, name, others in ((TENANTS, "acme", {"idle": 0}), (QUEUES, "mail", {})):
        page = client.get(on(alias, url))
        paused = {"idle": '<span class="taskq-badge taskq-warn">paused</span>'} if others else {}
        assert cells(page, "paused_cell") == {name: "-", **paused}
        numbers = {"ready": 2, "scheduled": 1, "deferred": 1, "running": 1}
        for column, number in numbers.items():
            assert cells(page, column) == {name: number, **others}
        assert f'<td class="field-ready">{numbers["ready"]}</td>' in page.content.decode()
    text = client.get(on(alias, TENANTS)).content.decode()
    for shown in ("acme", ">3<", ">20<", "10/s"):
        assert shown in text


def serve(alias: str, *servings: Serving) -> None:
    """Have tenants be given worker time now."""
    store_of(alias).count_servings(servings)


def test_what_tenants_had_stands_beside_what_their_weights_give(
    sign_in: SignIn, alias: str
) -> None:
    rows(alias).create(name="acme", weight=3)
    rows(alias).create(name="idle", weight=100)
    serve(
        alias,
        Serving("acme", 8, 10.0, stolen=2, waits=4, wait_seconds=6.0),
        Serving("without a row", 9, 30.0),
        REST.plus(Serving("small", 2, 40.0)),
    )
    page = sign_in("view_tenant").get(on(alias, TENANTS))
    assert cells(page, "had") == {"acme": "12.5 %", "idle": "-"}
    assert cells(page, "share") == {"acme": "75 %", "idle": "-"}
    assert cells(page, "stolen") == {"acme": "2 of 8", "idle": "-"}
    assert cells(page, "waited") == {"acme": "1.5 s", "idle": "-"}
    assert cells(page, "rate")["acme"].endswith("/s")


def test_tenants_of_two_aliases_in_one_database_have_a_share_of_each(sign_in: SignIn) -> None:
    entry = {"BACKEND": "django_taskq.backends.DatabaseBackend", "QUEUES": []}
    Tenant.objects.create(name="acme", weight=3)
    with override_settings(TASKS={"default": entry, "second": entry}):
        for alias, tenant in (("default", "acme"), ("default", "globex"), ("second", "acme")):
            tasks.echo.using(backend=alias, tenant=tenant).enqueue(1)
            serve(alias, Serving(tenant, 1, 1.0))
        page = sign_in("view_tenant").get(TENANTS)
        assert cells(page, "had") == {"acme": "50 % of default, 100 % of second"}
        assert cells(page, "share") == {"acme": "75 % of default, 100 % of second"}
        assert cells(page, "ready") == {"acme": 2}


def test_queues_and_tenants_that_have_jobs_and_no_row_are_shown_too(
    sign_in: SignIn, alias: str
) -> None:
    client = sign_in("view_tenant", "view_queue")
    rows(alias).create(name="acme")
    rows(alias, Queue).create(name="mail")
    for tenant, queue in (("acme", "mail"), ("globex", "sms"), ("<b>", "sms")):
        tasks.echo.using(backend=alias, tenant=tenant, queue_name=queue).enqueue(1)
    page = client.get(on(alias, QUEUES))
    assert [row["name"] for row in page.context["others"]] == ["sms"]
    assert page.context["others"][0]["cells"][0] == 2
    page = client.get(on(alias, f"{TENANTS}others/"))
    assert [row["name"] for row in page.context["others"]] == ["<b>", "globex"]
    assert "&lt;b&gt;" in page.content.decode()
    assert on(alias, f"{TENANTS}others/") in client.get(on(alias, TENANTS)).content.decode()


def test_who_serves_a_queue_and_a_tenant_is_told(sign_in: SignIn, alias: str) -> None:
    for name in ("acme", "globex", "initech"):
        rows(alias).create(name=name)
    for name in ("mail", "sms"):
        rows(alias, Queue).create(name=name)
    own = Assignment(("acme",), 1, ("globex",), 1)
    join = store_of(alias).join
    join(WorkerInfo("a:1", "a", "box", 1, ("mail",), assignment=own))
    join(WorkerInfo("b:1", "b", "box", 1, ("mail",), assignment=own._replace(tenants=("globex",))))
    client = sign_in("view_tenant", "view_queue")
    served = cells(client.get(on(alias, QUEUES)), "served_by")
    assert served == {"mail": "2 workers", "sms": "no worker"}
    served = cells(client.get(on(alias, TENANTS)), "served_by")
    assert served == {
        "acme": "1 worker", "globex": "2 workers, 1 after others", "initech": "no worker",
    }  # fmt: skip


def test_the_rate_of_a_queue_is_what_has_ended_in_the_last_minutes(
    sign_in: SignIn, alias: str
) -> None:
    rows(alias, Queue).create(name="mail")
    store_of(alias).count([counts("mail", 600)])
    page = sign_in("view_queue").get(on(alias, QUEUES))
    told = cells(page, "rate")["mail"]
    assert 600 / 360 <= float(told.removesuffix("/s")) <= 600 / 300 + 0.01


def test_the_page_of_a_queue_shows_what_its_tenants_have_in_it(sign_in: SignIn, alias: str) -> None:
    row = rows(alias, Queue).create(name="mail", max_running=7)
    for tenant, queue in (("acme", "mail"), ("acme", "mail"), ("<i>", "mail"), ("acme", "sms")):
        tasks.echo.using(backend=alias, tenant=tenant, queue_name=queue).enqueue(1)
    text = sign_in("*").get(under(alias, f"{QUEUES}{row.pk}/change/")).content.decode()
    assert "0 of 7" in text
    acme, other = text.index('taskq-name">acme</th><td>2'), text.index("&lt;i&gt;</th><td>1")
    assert acme < other


def test_a_list_of_many_rows_takes_no_more_queries_than_one_of_few(
    sign_in: SignIn, alias: str
) -> None:
    client = sign_in("view_tenant")
    queries = []
    for many in (range(1), range(1, 60)):
        for n in many:
            rows(alias).create(name=f"tenant{n}")
            tasks.echo.using(backend=alias, tenant=f"tenant{n}").enqueue(n)
        captured = [CaptureQueriesContext(connections[name]) for name in connections]
        for capture in captured:
            capture.__enter__()
        page = client.get(on(alias, TENANTS))
        for capture in captured:
            capture.__exit__(None, None, None)
        queries.append(sum(map(len, captured)))
    assert len(cells(page, "ready")) == 25
    # Two of them are the permissions of a reader who may not do everything.
    assert queries[0] == queries[1] <= 12 + 2


def test_rows_are_found_by_name_and_by_whether_they_are_paused(sign_in: SignIn) -> None:
    for name in ("acme", "globex"):
        Tenant.objects.create(name=name, paused=name == "globex")
    client = sign_in("view_tenant")
    assert list(cells(client.get(TENANTS, {"q": "acm"}), "ready")) == ["acme"]
    assert list(cells(client.get(TENANTS, {"paused__exact": "1"}), "ready")) == ["globex"]


def test_names_are_escaped_and_without_control_characters(sign_in: SignIn) -> None:
    Tenant.objects.create(name="<script>\x1b")
    text = sign_in("view_tenant").get(TENANTS).content.decode()
    assert "&lt;script&gt;\\x1b" in text
    assert "<script>\x1b" not in text


# Forms.


def test_a_row_is_added_in_the_database_of_the_list(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_tenant", "add_tenant")
    page = client.post(
        under(alias, f"{TENANTS}add/"),
        {"name": "acme", "weight": "3", "max_running": "", "max_rate": "10/s"},
    )
    assert page.status_code == 302
    assert Tenant.objects.using(database_of(alias)).count() == 1
    assert columns(alias, "acme") == (3, None, "10/s", False)
    assert LogEntry.objects.get().object_repr == "acme"


def test_the_tenant_without_a_name_can_have_a_row(sign_in: SignIn) -> None:
    client = sign_in("*")
    client.post(f"{TENANTS}add/", {"name": "", "weight": "1", "max_running": "5"})
    assert columns("default", "") == (1, 5, None, False)
    assert "(no tenant)" in client.get(TENANTS).content.decode()
    page = client.post(f"{QUEUES}add/", {"name": "", "max_running": "5"})
    assert "This field is required." in page.content.decode()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"weight": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"weight": "1001"}, "Ensure this value is less than or equal to 1000."),
        ({"max_running": "0"}, "Expected a whole number from 1 to 1000000, got 0."),
        ({"max_rate": "fast"}, "Expected a rate like &quot;10/s&quot;"),
        ({"name": "a\x07b"}, "Expected printable characters only"),
        ({"name": "known"}, "Tenant with this Name already exists."),
    ],
)
def test_a_form_says_what_is_wrong(
    sign_in: SignIn, alias: str, values: dict[str, str], sentence: str
) -> None:
    rows(alias).create(name="known")
    page = sign_in("*").post(
        under(alias, f"{TENANTS}add/"), {"name": "acme", "weight": "1", **values}
    )
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert [row.name for row in rows(alias)] == ["known"]


def test_a_name_of_another_database_is_free(sign_in: SignIn) -> None:
    Tenant.objects.create(name="acme")
    url = under("postgresql", f"{TENANTS}add/")
    assert sign_in("*").post(url, {"name": "acme", "weight": "2"}).status_code == 302
    assert columns("postgresql", "acme") == (2, None, None, False)


def test_a_change_writes_what_the_reader_changed_and_nothing_else(
    sign_in: SignIn, alias: str
) -> None:
    row = rows(alias).create(name="acme")
    client = sign_in("view_tenant", "change_tenant")
    url = under(alias, f"{TENANTS}{row.pk}/change/")
    assert 'name="initial-paused"' in client.get(url).content.decode()
    rows(alias).update(paused=True, max_rate="10/s")
    page = client.post(
        url, {**SHOWN, "weight": "3", "max_running": "", "max_rate": ""}, follow=True
    )
    assert "changed successfully" in told(page)
    assert columns(alias, "acme") == (3, None, "10/s", True)
    assert LogEntry.objects.get().get_change_message() == "Changed Weight."


def test_a_limit_is_taken_away_by_an_empty_field(sign_in: SignIn, alias: str) -> None:
    row = rows(alias).create(name="acme", max_running=5, max_rate="10/s")
    shown = {**SHOWN, "initial-max_running": "5", "initial-max_rate": "10/s"}
    sign_in("*").post(
        under(alias, f"{TENANTS}{row.pk}/change/"),
        {**shown, "weight": "1", "max_running": "", "max_rate": ""},
    )
    assert columns(alias, "acme") == (1, None, None, False)


def test_a_name_cannot_be_changed(sign_in: SignIn) -> None:
    row = Tenant.objects.create(name="acme", max_running=5)
    client = sign_in("*")
    client.post(
        f"{TENANTS}{row.pk}/change/",
        {**SHOWN, "initial-max_running": "5", "name": "other", "weight": "2", "max_running": "5"},
    )
    assert columns("default", "acme") == (2, 5, None, False)
    assert 'name="name"' not in client.get(f"{TENANTS}{row.pk}/change/").content.decode()


def test_a_page_is_about_the_database_of_its_list(sign_in: SignIn) -> None:
    Tenant.objects.create(pk=1, name="here")
    Tenant.objects.using("postgresql").create(pk=1, name="there")
    client = sign_in("*")
    listed = client.get(on("postgresql", TENANTS)).content.decode()
    link = f"{TENANTS}1/change/?_changelist_filters=database%3Dpostgresql"
    assert f'href="{link}"' in listed
    text = client.get(link).content.decode()
    assert "there, in the database “postgresql”" in text
    client.post(link.replace("/change/", "/delete/"), {"post": "yes"})
    assert [row.name for row in Tenant.objects.all()] == ["here"]
    assert not Tenant.objects.using("postgresql").exists()
    assert "here, in the database" in client.get(f"{TENANTS}1/change/").content.decode()
    assert client.get(f"{TENANTS}1/change/?_changelist_filters=database%3Dnone").status_code == 200


def test_a_row_that_is_gone_leads_back_with_a_message(sign_in: SignIn) -> None:
    page = sign_in("*").get(f"{TENANTS}7/change/", follow=True)
    assert "exist" in told(page)


# Actions.


def test_many_are_paused_and_resumed_at_once_with_an_entry_for_each(
    sign_in: SignIn, alias: str
) -> None:
    for name in ("acme", "globex"):
        rows(alias).create(name=name, weight=3)
    rows(alias).create(name="initech", paused=True)
    client = sign_in("view_tenant", "change_tenant")
    assert "Pause the selected tenants</option>" in client.get(on(alias, TENANTS)).content.decode()
    page = act(client, "pause", alias)
    assert "2 tenants now paused." in told(page)
    assert "1 left as before: paused already." in told(page)
    assert {row.name: row.paused for row in rows(alias)} == {
        "acme": True, "globex": True, "initech": True,
    }  # fmt: skip
    entries = LogEntry.objects.all()
    assert {entry.object_repr: entry.change_message for entry in entries} == {
        "acme": "Not paused -> paused.",
        "globex": "Not paused -> paused.",
    }
    act(client, "resume", alias)
    assert not rows(alias).filter(paused=True).exists()
    assert columns(alias, "acme") == (3, None, None, False)
    assert LogEntry.objects.count() == 5


def test_an_action_asks_first_and_says_to_how_many(sign_in: SignIn, alias: str) -> None:
    for n in range(30):
        rows(alias).create(name=f"tenant{n:02}")
    client = sign_in("view_tenant", "change_tenant")
    text = act(client, "pause", alias, confirmed="").content.decode()
    assert "Jobs of 30 tenants start no more until that is resumed" in text
    assert "<li>tenant19</li>" in text
    assert "and 10 more" in text
    assert "<script" not in text.partition('id="content"')[2]
    assert not rows(alias).filter(paused=True).exists()
    assert not LogEntry.objects.exists()


def test_a_button_pauses_a_queue_without_a_row_and_resumes_it(sign_in: SignIn, alias: str) -> None:
    tasks.echo.using(backend=alias, queue_name="mail & more").enqueue(1)
    client = sign_in("view_queue", "change_queue", "add_queue")
    button = re.search('href="([^"]*switch/[^"]*to=pause[^"]*)"', page_text(client, alias))
    assert button is not None
    url = unescape(button[1])
    assert "mail &amp; more" in client.get(url).content.decode()
    assert not rows(alias, Queue).exists()
    assert "1 queue now paused." in told(client.post(url, {"confirmed": "yes"}, follow=True))
    assert rows(alias, Queue).get(name="mail & more").paused
    assert LogEntry.objects.get().change_message == "Not paused -> paused."
    assert "paused already" in told(client.post(url, {"confirmed": "yes"}, follow=True))
    client.post(url.replace("to=pause", "to=resume"), {"confirmed": "yes"})
    assert not rows(alias, Queue).get().paused
    assert LogEntry.objects.count() == 2


def page_text(client: Client, alias: str) -> str:
    text: str = client.get(on(alias, QUEUES)).content.decode()
    return text


def test_a_button_needs_the_permissions_of_what_it_does(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_queue", "change_queue")
    tasks.echo.using(backend=alias, queue_name="mail").enqueue(1)
    assert "to=pause" not in page_text(client, alias)
    rows(alias, Queue).create(name="mine")
    assert "to=pause" in page_text(client, alias)
    url = f"{QUEUES}switch/?name=mail&to=pause&database={database_of(alias)}"
    assert client.get(url).status_code == 403
    rows(alias, Queue).create(name="mail")
    assert client.get(url).status_code == 200
    reader = Client()
    reader.force_login(User.objects.create(username="other", is_staff=True))
    assert reader.post(url, {"confirmed": "yes"}).status_code == 403
    permission = Permission.objects.get(codename="view_queue")
    User.objects.get(username="other").user_permissions.add(permission)
    assert "to=pause" not in page_text(reader, alias)
    assert not rows(alias, Queue).filter(paused=True).exists()
    assert "Expected to be told" in told(client.get(url.replace("to=pause", "to=x"), follow=True))


def test_queues_are_paused_by_the_same_actions(sign_in: SignIn, alias: str) -> None:
    rows(alias, Queue).create(name="mail")
    page = act(sign_in("view_queue", "change_queue"), "pause", alias, Queue)
    assert "1 queue now paused." in told(page)
    assert rows(alias, Queue).get().paused


def test_all_rows_of_a_filter_are_taken(sign_in: SignIn, alias: str) -> None:
    rows(alias).bulk_create([Tenant(name=f"tenant{n}") for n in range(1200)])
    page = act(sign_in("*"), "pause", alias, select_across="1")
    assert "1200 tenants now paused." in told(page)
    assert rows(alias).filter(paused=True).count() == 1200


def test_rows_are_deleted_from_their_database_once_the_reader_has_said_so_twice(
    sign_in: SignIn, alias: str
) -> None:
    rows(alias).create(name="acme")
    client = sign_in("view_tenant", "delete_tenant")
    assert "acme" in act(client, "delete_selected", alias).content.decode()
    assert rows(alias).count() == 1
    act(client, "delete_selected", alias, post="yes")
    assert rows(alias).count() == 0
    assert LogEntry.objects.get().is_deletion()


@pytest.mark.parametrize(
    ("action", "needed"),
    [
        ("pause", "change_tenant"),
        ("resume", "change_tenant"),
        ("delete_selected", "delete_tenant"),
    ],
)
def test_each_action_needs_its_permission(sign_in: SignIn, action: str, needed: str) -> None:
    Tenant.objects.create(name="acme", paused=action == "resume")
    others = {"add_tenant", "change_tenant", "delete_tenant"} - {needed}
    client = sign_in("view_tenant", *others)
    assert f'value="{action}"' not in client.get(TENANTS).content.decode()
    act(client, action, "default", post="yes")
    assert Tenant.objects.get().paused is (action == "resume")
    assert not LogEntry.objects.exists()


def test_who_may_only_view_can_neither_add_nor_change(sign_in: SignIn) -> None:
    row = Tenant.objects.create(name="acme")
    client = sign_in("view_tenant")
    assert client.get(f"{TENANTS}add/").status_code == 403
    assert client.get(f"{TENANTS}{row.pk}/change/").status_code == 200
    assert client.post(f"{TENANTS}{row.pk}/change/", {**SHOWN, "weight": "2"}).status_code == 403
    assert client.get(QUEUES).status_code == 403
    assert columns("default", "acme") == (1, None, None, False)


def test_limits_that_workers_keep_are_no_page(sign_in: SignIn) -> None:
    assert "django_taskq/limit/" not in sign_in("*").get("/admin/").content.decode()


@override_settings(ROOT_URLCONF="tests.admin.test_rules")
def test_the_pages_work_in_any_admin_site(sign_in: SignIn) -> None:
    row = Tenant.objects.create(name="acme")
    client = sign_in("*")
    link = f"/other/django_taskq/tenant/{row.pk}/change/"
    assert f'href="{link}"' in client.get("/other/django_taskq/tenant/").content.decode()
    assert client.get(link).status_code == 200


@override_settings(
    TASKS={"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend", "QUEUES": []}}
)
def test_with_pools_alone_the_rows_that_they_read_are_shown(sign_in: SignIn) -> None:
    Tenant.objects.create(name="acme")
    assert cells(sign_in("view_tenant").get(TENANTS), "ready") == {"acme": 0}
