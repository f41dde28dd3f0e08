"""The actions on jobs in the admin: what they change, their log, their permissions."""

from datetime import timedelta
from typing import Any

import django
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_taskq.control import cancel, database_of, get_job
from django_taskq.models import Job
from tests.admin.pages import LIST, SignIn, listed, rows, told
from tests.app import gates, tasks
from tests.running import run_due, running, wait_until_running

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def act(client: Client, action: str, ids: list[str], alias: str, **more: str) -> Any:
    keys = rows(alias).filter(public_id__in=ids).values_list("pk", flat=True)
    return client.post(
        f"{LIST}?database={database_of(alias)}",
        {
            "action": action,
            "_selected_action": [*keys],
            "index": "0",
            "confirmed": "yes",
            **more,
        },
        follow=True,
    )


def test_retry_runs_failed_jobs_again_and_logs_each(sign_in: SignIn, alias: str) -> None:
    failed = tasks.fail.using(backend=alias).enqueue().id
    done = tasks.echo.using(backend=alias).enqueue(1).id
    run_due(alias)
    page = act(sign_in("view_job", "retry_job"), "retry_jobs", [failed, done], alias)
    assert "1 job will run again." in told(page)
    assert "1 left as it was: only failed, canceled and skipped jobs" in told(page)
    assert get_job(failed, alias).state == "READY"
    (entry,) = LogEntry.objects.all()
    assert (entry.object_id, entry.change_message) == (failed, "FAILED -> READY.")
    assert entry.get_admin_url() == f"{LIST}{failed}/change/"


def test_a_retry_of_a_job_whose_id_is_taken_says_by_which_job(sign_in: SignIn, alias: str) -> None:
    task = tasks.echo.using(backend=alias, task_id="nightly", run_after=timedelta(hours=1))
    first = task.enqueue(1).id
    cancel(first, alias)
    held = task.enqueue(2).id
    page = act(sign_in("view_job", "retry_job"), "retry_jobs", [first, held], alias)
    assert f"Job {first} was left as it was: its task_id is held by {held}." in told(page)
    assert "1 left as it was: only failed, canceled and skipped jobs" in told(page)
    assert not LogEntry.objects.exists()


def test_cancel_cancels_what_waits_and_asks_what_runs(sign_in: SignIn, alias: str) -> None:
    gate = f"admin cancel on {alias}"
    held = tasks.hold.using(backend=alias).enqueue(gate)
    with running(alias):
        wait_until_running(held, gate)
        later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
        client = sign_in("view_job", "cancel_job")
        page = act(client, "cancel_jobs", [held.id, later], alias)
        assert get_job(held).cancel_asked_at is not None
        gates.open_gate(gate)
    assert "2 jobs canceled, or asked to stop." in told(page)
    assert get_job(later, alias).state == "CANCELED"
    assert {entry.change_message for entry in LogEntry.objects.all()} == {
        "Asked to stop.",
        "SCHEDULED -> CANCELED.",
    }


def test_requeue_enqueues_copies(sign_in: SignIn, alias: str) -> None:
    job = tasks.echo.using(backend=alias, tenant="acme").enqueue(7)
    run_due(alias)
    page = act(sign_in("view_job", "requeue_job"), "requeue_jobs", [job.id], alias)
    assert "1 job enqueued again as a copy." in told(page)
    copy = LogEntry.objects.get().change_message.split()[-1].rstrip(".")
    assert get_job(copy, alias).tenant == "acme"
    assert rows(alias).count() == 2


def test_run_now_makes_scheduled_jobs_ready(sign_in: SignIn, alias: str) -> None:
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
    ready = tasks.echo.using(backend=alias).enqueue(1).id
    page = act(sign_in("view_job", "run_job"), "run_jobs_now", [later, ready], alias)
    assert "1 job ready now." in told(page)
    assert get_job(later, alias).state == "READY"


def test_delete_asks_first_and_takes_only_ended_jobs(sign_in: SignIn, alias: str) -> None:
    done = tasks.echo.using(backend=alias).enqueue(1).id
    run_due(alias)
    ready = tasks.echo.using(backend=alias).enqueue(1).id
    client = sign_in("view_job", "delete_job")
    page = act(client, "delete_jobs", [done, ready], alias, confirmed="")
    assert "2 jobs were selected." in page.content.decode()
    assert rows(alias).count() == 2
    page = act(client, "delete_jobs", [done, ready], alias)
    assert "1 job deleted." in told(page)
    assert [str(id) for id in rows(alias).values_list("public_id", flat=True)] == [ready]
    assert LogEntry.objects.get().is_deletion()


@pytest.mark.skipif(django.VERSION < (6, 1), reason="A row's page has actions from 6.1 on.")
def test_an_action_on_a_jobs_own_page_asks_and_leads_back_to_it(
    sign_in: SignIn, alias: str
) -> None:
    failed = tasks.fail.using(backend=alias).enqueue().id
    run_due(alias)
    client = sign_in("view_job", "retry_job")
    page, pk = f"{LIST}{failed}/change/", rows(alias).get().pk
    assert 'value="retry_jobs"' in client.get(page).content.decode()
    chosen = {"CHANGE_FORM-action": "retry_jobs", "_selected_action": [pk], "index": "0"}
    asked = client.post(page, chosen)
    assert "1 job was selected." in asked.content.decode()
    assert get_job(failed, alias).state == "FAILED"
    answer = {"action": "retry_jobs", "confirmed": "yes", "job_page": "yes", "index": "0"}
    done = client.post(asked.context["address"], {**answer, "_selected_action": [pk]}, follow=True)
    assert done.redirect_chain[-1][0] == page
    assert get_job(failed, alias).state == "READY"


ACTIONS = {
    "retry_jobs": "retry_job",
    "cancel_jobs": "cancel_job",
    "requeue_jobs": "requeue_job",
    "run_jobs_now": "run_job",
    "amend_jobs": "amend_job",
    "delete_jobs": "delete_job",
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_needs_its_own_permission(sign_in: SignIn, action: str) -> None:
    job = tasks.echo.using(run_after=timedelta(hours=1)).enqueue(1)
    others = {name for done, name in ACTIONS.items() if done != action}
    client = sign_in("view_job", "change_job", *others)
    text = client.get(LIST).content.decode()
    assert f'value="{action}"' not in text
    act(client, action, [job.id], "default", priority="5")
    assert get_job(job).state == "SCHEDULED"
    assert Job.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_jobs_of_an_alias_that_is_gone_are_shown_and_stay(sign_in: SignIn) -> None:
    job = tasks.echo.enqueue(1)
    Job.objects.update(backend="gone")
    client = sign_in("*")
    assert listed(client) == [job.id]
    page = act(client, "cancel_jobs", [job.id], "default")
    assert "TASKS has no alias “gone” any more" in told(page)
    assert Job.objects.get().state == "READY"
