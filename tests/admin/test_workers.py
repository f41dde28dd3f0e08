"""Workers in the admin: who lives, and what they run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_taskq.control import database_of, store_of
from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.workers import Pulse, WorkerInfo
from django_taskq.models import Job, Worker
from tests.admin.pages import SignIn, told
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import running, wait_until_running

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LIST = "/admin/django_taskq/worker/"
MOST_QUERIES = 12


def join(alias: str, id: str = "host:1:abcd", **changed: object) -> None:
    store_of(alias).join(WorkerInfo(id, "mailer", "box7", 4711, ("emails", "sms"), 8, 100))
    if changed:
        Worker.objects.using(database_of(alias)).filter(pk=id).update(**changed)


def hold_jobs(alias: str, worker_id: str, count: int, **changed: object) -> None:
    """Have a worker run jobs, claimed a second after one another, the first five minutes ago."""
    known = set(Job.objects.using(database_of(alias)).values_list("pk", flat=True))
    tasks.echo.using(backend=alias, tenant="acme").enqueue_many([((n,), {}) for n in range(count)])
    jobs = Job.objects.using(database_of(alias)).exclude(pk__in=known).order_by("pk")
    for number, pk in enumerate(jobs.values_list("pk", flat=True)):
        jobs.filter(pk=pk).update(
            state="RUNNING",
            worker_id=worker_id,
            claimed_at=Now() - timedelta(seconds=300 - number),
            **changed,
        )


def standings(page: Any) -> dict[str, str]:
    """Return what the list says of each of its workers."""
    listed = page.context["cl"]
    return {worker.pk: listed.model_admin.standing(worker) for worker in listed.result_list}


@contextmanager
def counted_queries() -> Iterator[list[int]]:
    """Count the queries on all databases."""
    counts: list[int] = []
    with ExitStack() as stack:
        captured = [
            stack.enter_context(CaptureQueriesContext(connections[name])) for name in connections
        ]
        yield counts
    counts.append(sum(map(len, captured)))


def test_a_live_worker_is_listed_with_what_it_says_of_itself(sign_in: SignIn, alias: str) -> None:
    join(alias)
    page = sign_in("view_worker").get(LIST, {"database": database_of(alias)})
    text = page.content.decode()
    for shown in ("host:1:abcd", "box7", "4711", "emails, sms", alias, "8 in threads, 100 async"):
        assert shown in text
    assert standings(page) == {"host:1:abcd": "alive"}
    assert '<td class="field-standing">alive</td>' in text
    assert page.context["cl"].result_list[0].silence < timedelta(seconds=30)


def test_a_worker_is_listed_with_its_pool_and_whom_it_serves(sign_in: SignIn, alias: str) -> None:
    assignment = Assignment(("", "acme"), 70, is_stealing_from_all=True)
    for id, given in (("box:1/mail:ab", assignment), ("box:1/rest:ab", None)):
        store_of(alias).join(WorkerInfo(id, id[:-3], "box", 1, assignment=given))
    text = sign_in("view_worker").get(LIST, {"database": database_of(alias)}).content.decode()
    told = "(none), acme and 68 more; steals from all others"
    for shown in ("box:1/mail:ab", f">{told}<", 'class="field-tenants_cell">all<'):
        assert shown in text


def test_a_worker_whose_lease_is_over_is_shown_as_lost(sign_in: SignIn, alias: str) -> None:
    past = timezone.now() - timedelta(minutes=10)
    join(alias, beat_at=past, expires_at=past)
    page = sign_in("view_worker").get(LIST, {"database": database_of(alias)})
    assert standings(page) == {"host:1:abcd": "lost"}
    assert "10 min" in page.content.decode()


def test_a_worker_that_was_given_up_is_shown_as_lost(sign_in: SignIn, alias: str) -> None:
    join(alias, lost_at=timezone.now())
    page = sign_in("view_worker").get(LIST, {"database": database_of(alias)})
    assert standings(page) == {"host:1:abcd": "lost"}


def test_a_worker_that_lives_without_advancing_is_shown_as_stalled(
    sign_in: SignIn, alias: str
) -> None:
    join(alias, "moves")
    join(alias, "stands")
    store_of(alias).heartbeat("moves", Pulse(50.0, 1))
    store_of(alias).heartbeat("stands", Pulse(600.0, 48_300_000, late_results=17))
    page = sign_in("view_worker").get(LIST, {"database": database_of(alias)})
    assert standings(page) == {"moves": "alive", "stands": "stalled"}
    text = page.content.decode()
    for shown in ("10 min", "48 MB", '<td class="field-late_results">17</td>'):
        assert shown in text


def test_the_children_of_a_supervisor_stand_together_when_sorted_by_it(sign_in: SignIn) -> None:
    store = store_of("default")
    for host in ("b", "a"):
        for supervisor in (20, 10, None):
            for pid in (1, 2):
                id = f"{host}:{supervisor}:{pid}"
                store.join(WorkerInfo(id, "n", host, pid, supervisor_pid=supervisor))
    client = sign_in("view_worker")
    columns = client.get(LIST).context["cl"].list_display
    page = client.get(LIST, {"o": str(columns.index("supervisor"))})
    ids = [worker.pk.rpartition(":")[0] for worker in page.context["cl"].result_list]
    assert ids[::2] == ids[1::2]
    assert sorted(set(ids)) == sorted(ids[::2])


def test_a_solo_worker_is_told_from_others(sign_in: SignIn) -> None:
    info = WorkerInfo("solo:1", "n", "box", 1, None, 1, 1, is_solo=True, supervisor_pid=4700)
    store_of("default").join(info)
    client = sign_in("view_worker")
    for url in (LIST, f"{LIST}solo_3A1/change/"):
        text = client.get(url).content.decode()
        assert "solo: one suspect" in text
        assert "4700" in text


def test_the_list_shows_what_each_worker_has_run_for_longest(sign_in: SignIn, alias: str) -> None:
    join(alias, "busy")
    join(alias, "idle")
    hold_jobs(alias, "busy", 5)
    first = Job.objects.using(database_of(alias)).earliest("pk")
    Job.objects.using(database_of(alias)).filter(pk=first.pk).update(
        last_attempted_at=F("claimed_at")
    )
    page = sign_in("view_worker", "view_job").get(LIST, {"database": database_of(alias)})
    cells = {
        worker.pk: str(page.context["cl"].model_admin.running_now(worker))
        for worker in page.context["cl"].result_list
    }
    assert cells["idle"] == "0"
    assert cells["busy"].startswith(
        f'<div><a href="/admin/django_taskq/job/{first.public_id}/change/">tests.app.tasks.echo'
        "</a> 5 min</div>"
    )
    assert cells["busy"].count("claimed 5 min") == 2
    assert cells["busy"].endswith("<div>and 2 more</div>")


def test_the_page_of_a_worker_shows_of_each_job_the_task_the_tenant_and_since_when(
    sign_in: SignIn, alias: str
) -> None:
    join(alias, "busy")
    hold_jobs(alias, "busy", 52)
    text = sign_in("view_worker", "view_job").get(f"{LIST}busy/change/").content.decode()
    assert text.count("<td>tests.app.tasks.echo</td><td>acme</td><td>claimed ") == 50
    assert "and 2 more" in text


def test_who_may_not_see_jobs_sees_how_many_a_worker_holds_and_no_more(sign_in: SignIn) -> None:
    join("default", "busy")
    hold_jobs("default", "busy", 5)
    client = sign_in("view_worker")
    for url in (LIST, f"{LIST}busy/change/"):
        text = client.get(url).content.decode()
        assert "echo" not in text
        assert "acme" not in text
    page = client.get(LIST)
    assert page.context["cl"].model_admin.running_now(page.context["cl"].result_list[0]) == "5"


def test_a_list_of_many_workers_takes_no_more_queries_than_one_of_few(
    sign_in: SignIn, alias: str
) -> None:
    client = sign_in("view_worker", "view_job")
    counts = []
    for many in (range(1), range(1, 40)):
        for number in many:
            join(alias, f"worker{number}")
            hold_jobs(alias, f"worker{number}", 4)
        with counted_queries() as count:
            page = client.get(LIST, {"database": database_of(alias)})
        assert page.status_code == 200
        counts += count
    assert len(page.context["cl"].result_list) == 40
    assert counts[0] == counts[1] <= MOST_QUERIES
    with counted_queries() as count:
        assert client.get(f"{LIST}worker1/change/").status_code == 200
    assert count[0] <= MOST_QUERIES


def test_a_worker_shows_the_jobs_that_it_runs_with_links(sign_in: SignIn, alias: str) -> None:
    gate = f"worker page of {alias}"
    job = tasks.hold.using(backend=alias).enqueue(gate)
    client = sign_in("view_worker", "view_job")
    with running(alias):
        wait_until_running(job, gate)
        page = client.get(LIST, {"database": database_of(alias)})
        (worker,) = page.context["cl"].result_list
        detail = client.get(f"{LIST}{worker.pk.replace(':', '_3A')}/change/")
        gates.open_gate(gate)
    assert worker.running_count == 1
    assert f'<a href="/admin/django_taskq/job/{job.id}/change/">' in detail.content.decode()


def test_jobs_of_another_worker_or_in_another_state_are_not_counted(
    sign_in: SignIn, alias: str
) -> None:
    join(alias)
    for _ in range(3):
        tasks.echo.using(backend=alias).enqueue(1)
    jobs = Job.objects.using(database_of(alias))
    first = jobs.order_by("pk")[0].pk
    jobs.filter(pk=first).update(state="RUNNING", worker_id="host:1:abcd")
    jobs.filter(pk=first + 1).update(state="RUNNING", worker_id="somebody else")
    jobs.filter(pk=first + 2).update(worker_id="host:1:abcd")
    page = sign_in("view_worker").get(LIST, {"database": database_of(alias)})
    assert [worker.running_count for worker in page.context["cl"].result_list] == [1]


def test_workers_that_were_heard_last_come_first(sign_in: SignIn) -> None:
    join("default", "old:1:a")
    join("default", "new:1:b")
    Worker.objects.filter(pk="old:1:a").update(beat_at=F("beat_at") - timedelta(minutes=1))
    page = sign_in("view_worker").get(LIST)
    assert [worker.pk for worker in page.context["cl"].result_list] == ["new:1:b", "old:1:a"]


def test_workers_cannot_be_added_changed_or_deleted(sign_in: SignIn) -> None:
    join("default", "plain")
    client = sign_in("*")
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}plain/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{LIST}plain/change/", {"host": "x"}).status_code == 403
    assert Worker.objects.get().host == "box7"


def test_workers_are_hidden_from_who_may_not_view_them(sign_in: SignIn) -> None:
    join("default", "plain")
    client = sign_in("view_job")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}plain/change/").status_code == 403


def test_what_a_worker_says_of_itself_is_escaped(sign_in: SignIn) -> None:
    join("default", "plain", host="<b>\x1b", name="<i>", queues="[1,<u>", tenants="[1,<u>")
    client = sign_in("view_worker")
    for url in (LIST, f"{LIST}plain/change/"):
        text = client.get(url).content.decode()
        assert "&lt;b&gt;\\x1b" in text
        assert "<u>" not in text


def test_an_unknown_worker_leads_back_with_a_message(sign_in: SignIn) -> None:
    page = sign_in("*").get(f"{LIST}nobody/change/", follow=True)
    assert "exist" in told(page)


def test_a_worker_that_left_is_gone_from_the_list(sign_in: SignIn, alias: str) -> None:
    client = sign_in("view_worker")
    address = {"database": database_of(alias)}
    with running(alias):
        wait_until(lambda: client.get(LIST, address).context["cl"].result_count, what="a worker")
    assert client.get(LIST, address).context["cl"].result_count == 0


def stop(client: Any, alias: str, *ids: str, **more: str) -> Any:
    chosen = {"action": "stop", "_selected_action": ids, "index": "0", **more}
    return client.post(f"{LIST}?database={database_of(alias)}", chosen, follow=True)


def test_live_workers_are_asked_to_stop_once_the_reader_has_said_so_twice(
    sign_in: SignIn, alias: str
) -> None:
    past = timezone.now() - timedelta(minutes=10)
    join(alias)
    join(alias, "lost:1", beat_at=past, expires_at=past)
    client = sign_in("view_worker", "stop_worker")
    text = stop(client, alias, "host:1:abcd").content.decode()
    assert "1 worker is asked to stop" in text
    assert f"host:1:abcd of {alias}" in text
    assert not store_of(alias).heartbeat("host:1:abcd").is_stop_asked
    page = stop(client, alias, "host:1:abcd", "lost:1", confirmed="yes")
    assert "1 worker was asked to stop" in told(page)
    assert "1 left as before: not alive any more." in told(page)
    assert store_of(alias).heartbeat("host:1:abcd").is_stop_asked
    assert standings(page) == {"host:1:abcd": "stopping", "lost:1": "lost"}
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == ("host:1:abcd", "Asked to stop.")


def test_to_ask_a_worker_to_stop_needs_a_permission_of_its_own(sign_in: SignIn, alias: str) -> None:
    join(alias)
    client = sign_in("view_worker", "change_worker", "delete_worker")
    assert 'value="stop"' not in client.get(LIST).content.decode()
    stop(client, alias, "host:1:abcd", confirmed="yes")
    assert not store_of(alias).heartbeat("host:1:abcd").is_stop_asked
    assert not LogEntry.objects.exists()
