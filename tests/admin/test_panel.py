"""The panel of jobs on the page of any object."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from django_taskq import about
from django_taskq.admin import JobAdmin, JobsPanel
from django_taskq.control import database_of
from django_taskq.models import Job
from tests.admin.pages import SignIn
from tests.app import tasks
from tests.running import run_due

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


class PlainAdmin(admin.ModelAdmin):
    """A page without the panel, to compare with."""


class GroupAdmin(JobsPanel, admin.ModelAdmin):
    """A page that says nothing of its fields."""


class SectionedAdmin(JobsPanel, admin.ModelAdmin):
    """A page that has sections of its own, and another name for its objects."""

    fieldsets = ((None, {"fields": ("name",)}),)

    def jobs_about(self, obj: Any) -> str:
        return f"group named {obj.name}"


SITES = {name: admin.AdminSite(name=name) for name in ("plain", "panel", "sectioned", "alone")}
SITES["plain"].register(Group, PlainAdmin)
SITES["panel"].register(Group, GroupAdmin)
SITES["panel"].register(Job, JobAdmin)
SITES["sectioned"].register(Group, SectionedAdmin)
SITES["alone"].register(Group, GroupAdmin)
urlpatterns = [path(f"{name}/", site.urls) for name, site in SITES.items()]
urlpatterns.append(path("", include("tests.urls")))

on_sites = override_settings(ROOT_URLCONF="tests.admin.test_panel")


def page_of(client: Client, group: Group, site: str = "panel") -> str:
    with on_sites:
        page = client.get(f"/{site}/auth/group/{group.pk}/change/")
    assert page.status_code == 200
    return page.content.decode()


def test_the_newest_jobs_about_an_object_are_shown_with_links(sign_in: SignIn, alias: str) -> None:
    group, other = Group.objects.create(name="a"), Group.objects.create(name="b")
    on = tasks.echo.using(backend=alias, metadata={"about": about(group)})
    ids = [on.enqueue(n).id for n in range(12)]
    foreign = tasks.echo.using(backend=alias, metadata={"about": about(other)}).enqueue(1).id
    run_due(alias)
    text = page_of(sign_in("*"), group)
    assert [id for id in ids if id in text] == ids[2:]
    assert foreign not in text
    assert f'href="/panel/django_taskq/job/{ids[-1]}/change/"' in text
    assert f"/panel/django_taskq/job/?about=auth.group%3A{group.pk}" in text
    assert "SUCCESSFUL" in text


def test_a_page_with_sections_gets_one_more_and_may_name_its_objects(sign_in: SignIn) -> None:
    group = Group.objects.create(name="a")
    id = tasks.echo.using(metadata={"about": "group named a"}).enqueue(1).id
    text = page_of(sign_in("*"), group, "sectioned")
    assert id in text
    assert text.lower().count("newest jobs") == 1


def test_a_site_without_jobs_gets_no_links(sign_in: SignIn) -> None:
    group = Group.objects.create(name="a")
    id = tasks.echo.using(metadata={"about": about(group)}).enqueue(1).id
    text = page_of(sign_in("*"), group, "alone")
    assert id in text
    assert "django_taskq/job" not in text


def test_who_may_not_view_jobs_sees_no_panel(sign_in: SignIn) -> None:
    group = Group.objects.create(name="a")
    id = tasks.echo.using(metadata={"about": about(group)}).enqueue(1).id
    client = sign_in("view_job")
    reader = User.objects.get()
    reader.user_permissions.set(Permission.objects.filter(codename="view_group"))
    assert id not in page_of(client, group)
    reader.user_permissions.set(Permission.objects.filter(codename__in=("view_group", "view_job")))
    assert id in page_of(client, group)


def test_an_object_is_still_added_and_saved(sign_in: SignIn) -> None:
    client = sign_in("*")
    with on_sites:
        assert "ewest jobs" not in client.get("/panel/auth/group/add/").content.decode()
        assert client.post("/panel/auth/group/add/", {"name": "new"}).status_code == 302
        group = Group.objects.get(name="new")
        page = client.post(f"/panel/auth/group/{group.pk}/change/", {"name": "newer"})
    assert page.status_code == 302
    assert Group.objects.get().name == "newer"


def test_what_jobs_carry_is_escaped(sign_in: SignIn) -> None:
    group = Group.objects.create(name="a")
    tasks.echo.using(metadata={"about": about(group)}).enqueue(1)
    Job.objects.update(task='"><img src=x onerror=alert(1)>', state="<script>", failure="<b>")
    text = page_of(sign_in("*"), group)
    assert "<img src=x" not in text
    assert "<b>" not in text
    assert "&lt;img src=x" in text


def test_it_costs_one_query_by_an_index_in_each_database(sign_in: SignIn, alias: str) -> None:
    group = Group.objects.create(name="a")
    tasks.echo.using(backend=alias, metadata={"about": about(group)}).enqueue(1)
    client = sign_in("*")
    page_of(client, group, "plain")
    taken = {}
    for site in ("plain", "panel"):
        captured = [CaptureQueriesContext(connections[name]) for name in connections]
        for capture in captured:
            capture.__enter__()
        page_of(client, group, site)
        for capture in captured:
            capture.__exit__(None, None, None)
        taken[site] = [query["sql"] for capture in captured for query in capture]
    asked = [sql for sql in taken["panel"] if '"about" =' in sql or "`about` =" in sql]
    assert len(taken["panel"]) - len(taken["plain"]) == len(asked)
    connection = connections[database_of(alias)]
    rows = Job.objects.using(connection.alias).filter(about=about(group)).order_by("-pk")[:10]
    if connection.vendor == "sqlite":
        assert "taskq_job_about" in rows.explain()
