"""What users and tasks supply on the pages of jobs: escaped, masked, hidden from others."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_taskq.checks import check_project
from django_taskq.control import store_of
from django_taskq.models import Attempt, Dependency, Job, XCom
from tests.admin.pages import LIST, SignIn
from tests.app import tasks, xcom_tasks
from tests.running import run_due

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

EVILS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>")
TEXTS = (
    "task", "queue", "tenant", "task_id", "backend", "state", "failure", "worker_id", "reason",
    "about", "node", "gate", "blocked_for", "parked_for", "progress", "result", "args", "kwargs",
    "options", "metadata", "ctx", "worker_ids",
)  # fmt: skip
LISTS = ("args", "result", "worker_ids")
DICTS = ("kwargs", "options", "metadata", "ctx")


def evil_job(evil: str, *, is_json: bool) -> Job:
    """Return a job that carries a text in every place that somebody else fills."""
    held = tasks.fail.enqueue("ValueError", evil)
    run_due("default")
    row = Job.objects.get(public_id=held.id)
    wrapped = dict.fromkeys(LISTS, json.dumps([evil]))
    wrapped |= dict.fromkeys(DICTS, json.dumps({evil: evil}))
    texts = dict.fromkeys(TEXTS, evil) | (wrapped if is_json else {})
    limits = {name: Job._meta.get_field(name).max_length for name in TEXTS}
    Job.objects.filter(pk=row.pk).update(
        **{name: text[: limits[name]] for name, text in texts.items()},
        run_id="0198c9f4-0000-7000-8000-000000000000", upstream_total=1,
    )  # fmt: skip
    Attempt.objects.update(
        worker_id=evil, verdict=evil[:16], failure=evil[:16], reason=evil, exception_class=evil,
        traceback=evil, log=evil,
    )  # fmt: skip
    Dependency.objects.create(downstream_id=row.pk, upstream_task_id=evil)
    Dependency.objects.create(downstream_id=row.pk, upstream_id=row.pk)
    XCom.objects.create(
        job_seq=row.pk, attempt=1, backend="default", namespace=evil, key=evil,
        pushed_at=timezone.now(), value=json.dumps(evil),
    )  # fmt: skip
    LogEntry.objects.log_actions(
        User.objects.get().pk, [row], 2, change_message=evil, single_object=True
    )
    return row


class Tags(HTMLParser):
    """Collects the tags of a page that run or style something by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_script = tag == "script" and not given.get("src") and "json" not in str(given)
        is_styled = tag == "style" or "style" in given
        if is_script or is_styled or any(name.startswith("on") for name in given):
            self.bad.append(self.get_starttag_text() or tag)


def is_clean(page: Any) -> None:
    """Check that a page has no script but its own files, and none of what was put in."""
    text = page.content.decode()
    tags = Tags()
    tags.feed(text)
    assert tags.bad == []
    assert "<img src=x" not in text
    assert "<svg/onload" not in text


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("evil", EVILS)
def test_every_page_escapes_what_others_supply(sign_in: SignIn, evil: str, is_json: bool) -> None:
    client = sign_in("*")
    row = evil_job(evil, is_json=is_json)
    page = f"{LIST}{row.public_id}/change/"
    seen = client.get(page)
    is_clean(seen)
    assert seen.content.decode().count("alert(1)") > 15
    is_clean(client.get(LIST))
    is_clean(client.get(f"{LIST}{row.public_id}/history/"))
    is_clean(client.get(f"{LIST}failures/?days=30"))
    for name in ("queue", "tenant", "task", "error", "worker", "about", "run", "schedule", "q",
                 "from", "to", "time", "state", "failure"):  # fmt: skip
        is_clean(client.get(LIST, {name: evil}))
    posted = {"_selected_action": [row.pk], "index": "0", "queue": evil, "priority": evil}
    for action in ("retry_jobs", "amend_jobs", "delete_jobs"):
        is_clean(client.post(f"{LIST}?tenant={evil}", {**posted, "action": action}))
        done = client.post(LIST, {**posted, "action": action, "confirmed": "yes"}, follow=True)
        is_clean(done)


def test_the_page_of_a_bulk_escapes_reasons(sign_in: SignIn) -> None:
    client = sign_in("*")
    evil_job(EVILS[1], is_json=False)
    posted = {"action": "cancel_jobs", "select_across": "1", "_selected_action": ["1"]}
    address = client.post(LIST, {**posted, "confirmed": "yes", "index": "0"}).url
    client.post(address, {"step": "0"})
    page = client.get(address)
    is_clean(page)
    assert "TASKS has no alias" in page.content.decode()


SECRETS = ("argument-s3cret", "metadata-s3cret", "no-s3cret", "xcom-s3cret")


def test_who_may_view_jobs_but_no_payload_sees_that_it_is_hidden(
    sign_in: SignIn, alias: str
) -> None:
    on = tasks.fail.using(backend=alias, metadata={"note": SECRETS[1]})
    failed = on.enqueue("ValueError", SECRETS[2]).id
    pushed = xcom_tasks.push.using(backend=alias).enqueue("note", SECRETS[3]).id
    later = tasks.echo.using(backend=alias, tenant="acme").enqueue(SECRETS[0]).id
    run_due(alias)
    client = sign_in("view_job", "retry_job")
    for id in (failed, pushed, later):
        page = client.get(f"{LIST}{id}/change/").content.decode()
        assert "are hidden" in page
        assert id in page
        assert "Timeline" in page
        assert not [secret for secret in SECRETS if secret in page]
    for place in (LIST, f"{LIST}failures/?days=30", f"{LIST}{failed}/history/"):
        text = client.get(place).content.decode()
        assert not [secret for secret in SECRETS if secret in text]


def test_who_may_view_payloads_sees_them(sign_in: SignIn, alias: str) -> None:
    id = tasks.echo.using(backend=alias, metadata={"note": SECRETS[1]}).enqueue(SECRETS[0]).id
    page = sign_in("view_job", "view_payload_job").get(f"{LIST}{id}/change/").content.decode()
    assert SECRETS[0] in page
    assert SECRETS[1] in page
    assert "are hidden" not in page


def test_secrets_are_masked_by_their_names(sign_in: SignIn, settings: Any) -> None:
    job = tasks.echo.using(metadata={"access_token": "t0p", "color": "red"}).enqueue(
        {"password": "t0p", "user": "ann"}, api_key="t0p", size="big"
    )
    run_due("default")
    Job.objects.update(ctx='{"secret":"t0p","step":"two"}')
    XCom.objects.create(
        job_seq=Job.objects.get().pk, attempt=1, backend="default", namespace="",
        pushed_at=timezone.now(), key="token", value='"t0p"',
    )  # fmt: skip
    client = sign_in("*")
    page = client.get(f"{LIST}{job.id}/change/").content.decode()
    assert "t0p" not in page
    assert "********" in page
    for shown in ("ann", "big", "red", "two"):
        assert shown in page
    settings.TASKQ = {"MASKED_ARGUMENTS": ["value"]}
    page = client.get(f"{LIST}{job.id}/change/").content.decode()
    assert "t0p" in page
    # The first parameter of the task is called so.
    assert "ann" not in page.partition("keyword arguments")[0]


def test_arguments_without_known_names_are_hidden_where_something_is_masked(
    sign_in: SignIn, settings: Any
) -> None:
    job = tasks.echo.enqueue("t0p")
    Job.objects.update(task="gone.tasks.echo")
    client = sign_in("*")
    page = client.get(f"{LIST}{job.id}/change/").content.decode()
    assert "t0p" not in page
    assert "the task cannot be imported here" in page
    settings.TASKQ = {"MASKED_ARGUMENTS": []}
    assert "t0p" in client.get(f"{LIST}{job.id}/change/").content.decode()


@pytest.mark.parametrize(
    "action",
    ["retry_jobs", "cancel_jobs", "requeue_jobs", "run_jobs_now", "amend_jobs", "delete_jobs"],
)
def test_forged_posts_without_the_permission_change_nothing(sign_in: SignIn, action: str) -> None:
    ready = tasks.echo.enqueue(1)
    client = sign_in("view_job", "view_payload_job", "change_job")
    before = list(Job.objects.values())
    pk = Job.objects.get().pk
    forged = {"_selected_action": [pk], "index": "0", "confirmed": "yes", "priority": "5"}
    client.post(LIST, {**forged, "action": action})
    client.post(LIST, {**forged, "action": action, "select_across": "1"})
    client.post(f"{LIST}{ready.id}/change/", {**forged, "CHANGE_FORM-action": action})
    Client().post(LIST, {**forged, "action": action})
    assert list(Job.objects.values()) == before
    assert not LogEntry.objects.exists()
    assert store_of("default").get([ready.id])[0].priority == 0


def test_a_wrong_setting_is_told_by_the_checks(settings: Any) -> None:
    settings.TASKQ = {"MASKED_ARGUMENTS": "password"}
    (problem,) = check_project()
    assert problem.id == "django_taskq.E008"
    assert "TASKQ['MASKED_ARGUMENTS']: expected a list of patterns of names" in problem.msg
    settings.TASKQ = {"MASKED_ARGUMENTS": ["*iban*"]}
    assert check_project() == []
