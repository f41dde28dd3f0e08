"""The page of failures: groups by task and error, and a retry of all of one."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_taskq import failures
from django_taskq.control import database_of, get_job, store_of
from django_taskq.models import Attempt, Job
from tests.admin.pages import LIST, SignIn, rows, told
from tests.app import tasks
from tests.running import run_due
from tests.stores.jobs import claim, failure, finish, insert_many

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PAGE = f"{LIST}failures/"
FAIL = "tests.app.tasks.fail"
MOST_QUERIES = 12


def page_of(alias: str, **more: str) -> str:
    """Return the address of the page of an alias."""
    chosen = {"database": database_of(alias), "backend": alias, **more}
    return f"{PAGE}?" + "&".join(f"{name}={value}" for name, value in chosen.items())


def groups(client: Client, alias: str, **more: str) -> list[tuple[str, str, int]]:
    """Return what the page shows."""
    page = client.get(page_of(alias, **more))
    assert page.status_code == 200
    return [(group["task"], group["error"], group["count"]) for group in page.context["groups"]]


def failed(alias: str, *kinds: str) -> list[str]:
    """Have jobs fail, each with an error of its kind; return their ids."""
    ids = [tasks.fail.using(backend=alias).enqueue(kind).id for kind in kinds]
    run_due(alias)
    return ids


def ask(client: Client, alias: str, **values: str) -> Any:
    return client.post(page_of(alias), {"task": FAIL, **values}, follow=True)


def test_failures_are_grouped_by_task_and_error(sign_in: SignIn, alias: str) -> None:
    first, *_, last = failed(alias, "ValueError", "KeyError", "ValueError", "ValueError")
    failed_early = timezone.now() - timedelta(hours=5)
    rows(alias).filter(public_id=first).update(finished_at=failed_early)
    tasks.reject.using(backend=alias).enqueue("no")
    run_due(alias)
    client = sign_in("view_job")
    assert groups(client, alias) == [
        (FAIL, "builtins.ValueError", 3),
        (FAIL, "builtins.KeyError", 1),
        ("tests.app.tasks.reject", "django_taskq.exceptions.RejectError", 1),
    ]
    text = client.get(page_of(alias)).content.decode()
    assert f"{LIST}{last}/change/" in text
    assert "5 jobs failed within 1 day." in " ".join(text.split())
    assert "Retry all" not in text
    assert PAGE in client.get(LIST).content.decode()


def test_only_the_days_that_are_chosen_are_looked_at(sign_in: SignIn, alias: str) -> None:
    (id,) = failed(alias, "ValueError")
    rows(alias).filter(public_id=id).update(finished_at=timezone.now() - timedelta(days=3))
    client = sign_in("view_job")
    assert groups(client, alias) == []
    assert groups(client, alias, days="nonsense") == []
    assert groups(client, alias, days="7") == [(FAIL, "builtins.ValueError", 1)]


def test_of_very_many_failures_the_newest_are_looked_at_and_the_page_says_so(
    sign_in: SignIn, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST", 5)
    store = store_of(alias)
    insert_many(store, 6)
    finish(store, *map(failure, claim(store, 6)))
    client = sign_in("view_job")
    with ExitStack() as stack:
        captures = [
            stack.enter_context(CaptureQueriesContext(connections[name])) for name in connections
        ]
        text = " ".join(client.get(page_of(alias)).content.decode().split())
    assert "5 jobs failed within 1 day. <strong>Only the newest 5 were looked at" in text
    assert sum(map(len, captures)) <= MOST_QUERIES


def test_a_group_is_retried_once_its_number_was_confirmed(sign_in: SignIn, alias: str) -> None:
    *wanted, other = failed(alias, "ValueError", "ValueError", "KeyError")
    client = sign_in("view_job", "retry_job")
    assert "Retry all" in client.get(page_of(alias)).content.decode()
    question = ask(client, alias, error="builtins.ValueError")
    assert f"2 failed jobs of {FAIL} with builtins.ValueError" in question.content.decode()
    assert [get_job(id, alias).state for id in wanted] == ["FAILED", "FAILED"]

    late, gone = failed(alias, "ValueError", "ValueError")[0], wanted.pop()
    rows(alias).filter(public_id=gone).update(state="CANCELED")
    answer = {"error": "builtins.ValueError", "confirmed": "yes"}
    page = ask(client, alias, until=question.context["until"], **answer)
    assert "1 job will run again." in told(page)
    states = [str(get_job(id, alias).state) for id in (*wanted, other, late)]
    assert states == ["READY", "FAILED", "FAILED"]
    (entry,) = LogEntry.objects.all()
    assert (entry.object_id, entry.change_message) == (wanted[0], "FAILED -> READY.")

    page = ask(client, alias, until=question.context["until"], **answer)
    assert "No job of the group has failed any more" in told(page)
    assert "2 jobs will run again." in told(ask(client, alias, until="nonsense", **answer))


def test_who_may_not_retry_is_refused(sign_in: SignIn, alias: str) -> None:
    (id,) = failed(alias, "ValueError")
    client = sign_in("view_job", "cancel_job")
    for values in ({}, {"confirmed": "yes"}):
        answer = client.post(
            page_of(alias), {"task": FAIL, "error": "builtins.ValueError", **values}
        )
        assert answer.status_code == 403
    assert get_job(id, alias).state == "FAILED"


def test_who_may_not_see_jobs_sees_no_failures(sign_in: SignIn) -> None:
    assert sign_in("view_worker", "retry_job").get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_a_post_from_elsewhere_is_refused(sign_in: SignIn) -> None:
    client = sign_in("*")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(PAGE, {"task": FAIL, "error": "x", "confirmed": "yes"}).status_code == 403


def test_names_that_users_supply_are_escaped(sign_in: SignIn) -> None:
    script = '<script>alert("x")</script>\x1b'
    failed("default", "ValueError")
    Job.objects.update(task=script)
    Attempt.objects.update(exception_class=script)
    client = sign_in("*")
    question = client.post(PAGE, {"task": script, "error": script})
    for page in (client.get(PAGE), question):
        text = page.content.decode()
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text
        assert not [tag for tag in text.split("<script")[1:] if "src=" not in tag.split(">")[0]]
    assert "1 failed job of" in question.content.decode()
