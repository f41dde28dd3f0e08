"""The overview: every backend as it is now, one of them over time, and what is wrong."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db.backends.utils import CursorWrapper
from django.test import Client, override_settings
from django.urls import path
from django.utils import timezone, translation

from django_taskq import control
from django_taskq.admin import JobAdmin
from django_taskq.models import Job, Queue, Worker
from django_taskq.stores.memory import MemoryStore
from tests.admin.pages import LIST, SignIn
from tests.aliases import empty_redis, with_options
from tests.app import tasks
from tests.redis_alias import REDIS, REDIS_ENTRY
from tests.running import run_due
from tests.stores.jobs import insert, insert_later, insert_many

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PAGE = f"{LIST}overview/"
MOST_QUERIES = 12


class Strict(HTMLParser):
    """Finds what a browser would refuse under `default-src 'self'`."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note styles and scripts that stand in the page, and addresses elsewhere."""
        values = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in values and "type" not in values):
            self.refused.append(tag)
        for name, value in values.items():
            if name == "style" or name.startswith("on"):
                self.refused.append(f"{tag} {name}")
            if name in {"src", "href"} and re.match(r"(https?:)?//|data:|javascript:", value or ""):
                self.refused.append(f"{tag} {name}={value}")


def text_of(page: Any) -> str:
    """Return what a page says, without its tags."""
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


def only(alias: str) -> override_settings:
    """Have one alias in TASKS."""
    return override_settings(TASKS={alias: settings.TASKS[alias]})


@contextmanager
def counted() -> Iterator[list[str]]:
    """Record the statements of all threads on all databases."""
    statements: list[str] = []
    execute: Callable[..., Any] = CursorWrapper.execute

    def recording(self: Any, sql: str, params: Any = None) -> Any:
        statements.append(sql)
        return execute(self, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", recording)
        yield statements


def test_it_shows_what_waits_and_how_it_went(sign_in: SignIn, alias: str) -> None:
    for _ in range(3):
        tasks.nothing.using(backend=alias).enqueue()
    for _ in range(2):
        tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    insert_many(control.store_of(alias), 4, queue="mail")
    page = sign_in("view_job").get(PAGE, {"backend": alias})
    text = text_of(page)
    assert "3 successful" in text
    assert "2 failed" in text
    assert "2 failed tries, of 1 task." in text
    assert "tests.app.tasks.fail" in text
    (row,) = [row for row in page.context["live"] if row["alias"] == alias]
    assert [depth["shown"] for depth in row["depths"]] == ["4", "0", "0", "0"]
    assert [queue["name"] for queue in row["queues"]] == ["mail"]
    assert "No worker is alive; jobs ready: 4." in text
    assert f"manage.py runworker --backend {alias}" in text
    titles = [chart.title for chart in page.context["charts"]]
    assert titles == ["Attempts that ended", "Wait", "Run time", "Failures by task"]


@pytest.mark.parametrize(("period", "steps"), [("hour", 30), ("day", 24), ("week", 28), ("x", 30)])
def test_each_span_has_steps_of_its_own_and_a_table_beside_each_chart(
    sign_in: SignIn, alias: str, period: str, steps: int
) -> None:
    tasks.nothing.using(backend=alias).enqueue()
    run_due(alias)
    page = sign_in("view_job").get(PAGE, {"backend": alias, "period": period})
    throughput, waits, runs, _failures = page.context["charts"]
    assert [len(chart.rows) for chart in (throughput, waits, runs)] == [steps] * 3
    assert [row[1] for row in throughput.rows if row[1] != "0"] == ["1"]
    assert text_of(page).count("The same as a table") == 3


def test_jobs_of_a_pool_in_this_process_are_shown(sign_in: SignIn) -> None:
    tasks.nothing.using(backend="threads").enqueue()
    client = sign_in("view_job")
    page = client.get(PAGE, {"backend": "threads"})
    assert "(of this process alone)" in text_of(page)
    (row,) = [row for row in page.context["live"] if row["alias"] == "threads"]
    assert {depth["link"] for depth in row["depths"]} == {""}
    User.objects.update(is_superuser=True)
    (row,) = [row for row in client.get(PAGE).context["live"] if row["alias"] == "threads"]
    assert {depth["link"] for depth in row["depths"]} == {"/admin/django_taskq/worker/live/"}


def test_jobs_in_redis_are_shown(sign_in: SignIn) -> None:
    with override_settings(TASKS={**settings.TASKS, REDIS: REDIS_ENTRY}):
        empty_redis()
        try:
            store = control.store_of(REDIS)
            insert_many(store, 3, queue="mail")
            insert_later(store)
            page = sign_in("view_job").get(PAGE, {"backend": REDIS})
        finally:
            empty_redis()
    (row,) = [row for row in page.context["live"] if row["alias"] == REDIS]
    assert [depth["shown"] for depth in row["depths"]] == ["3", "1", "0", "0"]
    assert row["oldest"] != "-"
    assert f"{REDIS} : No worker is alive; jobs ready: 3." in text_of(page)


def test_a_backend_that_does_not_answer_is_said_so_and_holds_up_no_other(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()

    def hang(self: Any, most: int) -> Any:
        held.wait(30)
        raise OSError("too late")

    monkeypatch.setattr(MemoryStore, "glance", hang)
    monkeypatch.setattr("django_taskq.admin.overview.LONGEST_WAIT", 0.3)
    client = sign_in("view_job")
    before = timezone.now()
    page = client.get(PAGE)
    took = timezone.now() - before
    held.set()
    text = text_of(page)
    assert "threads : The store has not answered within 0.3 s." in text
    assert took < timedelta(seconds=10)
    assert page.context["chosen"] == "default"


def test_a_store_that_raises_is_a_sentence(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, most: int) -> Any:
        raise ConnectionError("<refused>")

    monkeypatch.setattr(MemoryStore, "glance", fail)
    page = sign_in("view_job").get(PAGE, {"backend": "threads"})
    assert "The store cannot be asked: ConnectionError: &lt;refused&gt;" in text_of(page)
    assert page.context["charts"] == []


def test_who_may_not_see_jobs_is_refused_and_sees_no_link(sign_in: SignIn) -> None:
    client = sign_in("view_worker")
    assert client.get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    index = client.get("/admin/django_taskq/").content.decode()
    assert PAGE not in index


def test_the_app_index_and_the_list_of_jobs_lead_to_it(sign_in: SignIn) -> None:
    client = sign_in("view_job")
    for address in ("/admin/django_taskq/", LIST):
        assert f'href="{PAGE}"' in client.get(address).content.decode()


def test_a_strict_policy_passes_and_the_style_sheet_is_there(sign_in: SignIn, alias: str) -> None:
    tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    text = sign_in("view_job").get(PAGE, {"backend": alias}).content.decode()
    strict = Strict()
    strict.feed(text)
    assert strict.refused == []
    assert "django_taskq/taskq.css" in text
    assert finders.find("django_taskq/taskq.css")


def test_names_that_users_supply_are_escaped(sign_in: SignIn) -> None:
    script = '<script>alert("x")</script>'
    store = control.store_of("default")
    insert(store, queue=script)
    Queue.objects.create(name=script, paused=True)
    Worker.objects.create(
        worker_id=script, backend="default", name="w", host=script, pid=1,
        started_at=timezone.now(), beat_at=timezone.now(), expires_at=timezone.now(),
        lost_at=timezone.now(),
    )  # fmt: skip
    text = sign_in("view_job").get(PAGE).content.decode()
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text


def test_its_words_and_warnings_can_be_translated(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("view_job")
    insert(control.store_of("default"))
    monkeypatch.setattr(translation._trans, "gettext", lambda message: f"«{message}»")
    text = text_of(client.get(PAGE))
    for words in ("«Warnings»", "«Last hour»", "«Attempts that ended»", "«Oldest ready»"):
        assert words in text
    assert "«No worker is alive; jobs ready: 1. «Start one: " in text


def test_another_admin_site_has_its_own(sign_in: SignIn) -> None:
    site = admin.AdminSite(name="other")
    site.register(Job, JobAdmin)
    client = sign_in("view_job")
    with override_settings(ROOT_URLCONF=(path("other/", site.urls),)):
        for address in ("/other/django_taskq/", "/other/django_taskq/job/"):
            found = client.get(address).content.decode()
            assert 'href="/other/django_taskq/job/overview/"' in found
        page = client.get("/other/django_taskq/job/overview/").content.decode()
    assert "/other/django_taskq/job/?database=" in page
    assert 'href="/admin/' not in page


def test_a_site_without_jobs_has_no_link_to_it(sign_in: SignIn) -> None:
    site = admin.AdminSite(name="other")
    site.register(Worker)
    client = sign_in("*")
    with override_settings(
        ROOT_URLCONF=(path("other/", site.urls), path("admin/", admin.site.urls))
    ):
        page = client.get("/other/django_taskq/")
    assert page.status_code == 200
    assert "overview" not in page.content.decode()


def test_a_page_of_one_backend_is_at_most_twelve_statements(sign_in: SignIn, alias: str) -> None:
    store = control.store_of(alias)
    for queue in range(30):
        insert_many(store, 3, queue=f"q{queue}", tenant=f"t{queue}")
    with only(alias):
        reader = sign_in("view_job")
        for period in ("hour", "day", "week"):
            with counted() as statements:
                page = reader.get(PAGE, {"period": period})
            assert page.status_code == 200
            told = [" ".join(sql.split())[:100] for sql in statements]
            assert len(statements) <= MOST_QUERIES, told


def test_a_limit_of_health_is_that_of_the_warning(sign_in: SignIn, alias: str) -> None:
    store = control.store_of(alias)
    insert(store)
    Job.objects.using(control.database_of(alias)).update(
        eligible_at=timezone.now() - timedelta(minutes=10)
    )
    client = sign_in("view_job")
    assert "The oldest ready job in the queue “default” has waited for 10 min" in text_of(
        client.get(PAGE)
    )
    with override_settings(TASKQ={"MONITORING": {"max_age": 3600}}):
        assert "The oldest ready job" not in text_of(client.get(PAGE))


def test_options_of_a_backend_that_are_wrong_break_no_page(sign_in: SignIn) -> None:
    client = sign_in("view_job")
    with with_options("default", LEASE="nonsense"):
        text = text_of(client.get(PAGE))
    assert "default : The store cannot be asked" in text
