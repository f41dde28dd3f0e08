"""The filters and the search of the list of jobs, each alone, together, and where they are cut."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from django_taskq.admin import paging, spines
from django_taskq.control import database_of, store_of
from django_taskq.jobs.ids import new_id
from django_taskq.models import Attempt
from tests.admin.pages import LIST, SignIn, listed, rows, told
from tests.app import tasks
from tests.running import run_due
from tests.stores.jobs import WORKER, claim, join

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def found(sign_in: SignIn, alias: str) -> Any:
    """Return the ids that a list with these filters shows."""
    client = sign_in("view_job")
    return lambda **filters: listed(client, database=database_of(alias), **filters)


def fail(alias: str, kind: str = "ValueError", **options: Any) -> str:
    return tasks.fail.using(backend=alias, **options).enqueue(kind, "no").id


def test_each_name_narrows_every_state(found: Any, alias: str) -> None:
    mail = fail(alias, queue_name="emails")
    acme = fail(alias, tenant="acme")
    run_due(alias)
    echo = tasks.echo.using(backend=alias, queue_name="emails", tenant="acme").enqueue(1).id
    assert found(queue="emails") == [echo, mail]
    assert found(tenant="acme") == [echo, acme]
    assert found(task="tests.app.tasks.fail") == [acme, mail]
    assert found(state="FAILED", queue="emails") == [mail]
    assert found(state="READY", tenant="acme") == [echo]
    assert found(state="READY", task="tests.app.tasks.fail") == []
    assert found(state="FAILED", tenant="acme", queue="emails") == []
    assert found(tenant="nobody") == []


def test_errors_and_failures_narrow_the_list(found: Any, alias: str) -> None:
    key, value = fail(alias, "KeyError"), fail(alias)
    rejected = tasks.reject.using(backend=alias).enqueue("no").id
    run_due(alias)
    assert found(error="KeyError") == [key]
    assert found(state="FAILED", error="builtins.ValueError") == [value]
    assert found(error="rror") == []
    assert found(failure="rejected") == [rejected]
    assert found(state="FAILED", failure="error", error="KeyError") == [key]
    assert Attempt.objects.using(database_of(alias)).count() >= 2


def test_a_worker_has_those_that_it_runs_and_ran(found: Any, alias: str) -> None:
    store = store_of(alias)
    join(store)
    first = tasks.echo.using(backend=alias).enqueue(1).id
    claim(store)
    tasks.echo.using(backend=alias).enqueue(2)
    assert found(worker=WORKER) == [first]
    assert found(state="RUNNING", worker=WORKER) == [first]
    assert found(state="RUNNING", worker="another") == []


def test_runs_schedules_and_objects_have_indexes_of_their_own(found: Any, alias: str) -> None:
    ids = [tasks.echo.using(backend=alias).enqueue(n).id for n in range(4)]
    run = uuid4()
    rows(alias).filter(public_id__in=ids[:3]).update(run_id=run)
    rows(alias).filter(public_id__in=ids[1:]).update(schedule_id=7)
    on = tasks.echo.using(backend=alias, metadata={"about": "app.thing:5"})
    about = on.enqueue(5).id
    assert found(run=str(run)) == ids[2::-1]
    assert found(run=str(run), schedule="7") == [ids[2], ids[1]]
    assert found(schedule="7", state="READY") == ids[:0:-1]
    assert found(schedule="8") == []
    assert found(about="app.thing:5") == [about]


def test_a_time_goes_with_the_state(found: Any, alias: str) -> None:
    now = timezone.now()
    soon = tasks.echo.using(backend=alias, run_after=timedelta(minutes=10)).enqueue(1).id
    late = tasks.echo.using(backend=alias, run_after=timedelta(days=3)).enqueue(2).id
    done, old = (tasks.echo.using(backend=alias).enqueue(n).id for n in (3, 4))
    run_due(alias)
    long_ago = now - timedelta(days=30)
    aged = str(UUID(int=(int(long_ago.timestamp() * 1000) << 80) | (UUID(old).int % 2**80)))
    rows(alias).filter(public_id=old).update(public_id=aged, finished_at=long_ago)
    assert found(state="SCHEDULED", time="hour") == [soon]
    assert found(state="SCHEDULED", time="week") == [soon, late]
    assert found(state="SUCCESSFUL", time="day") == [done]
    # By their ids, which tell the millisecond.
    newest = sorted((done, late, soon), reverse=True)
    assert found(time="hour") == newest
    day = {"from": f"{long_ago:%Y-%m-%d}", "to": f"{long_ago:%Y-%m-%d}"}
    assert found(**day) == [aged]
    assert found(state="SUCCESSFUL", **day) == [aged]
    assert found(to=f"{long_ago - timedelta(days=1):%Y-%m-%d}") == []
    assert found(time="hour", tenant="", task="tests.app.tasks.echo") == newest


def test_a_search_finds_names_exactly(found: Any, alias: str) -> None:
    named = tasks.echo.using(backend=alias, task_id="nightly").enqueue(1).id
    acme = tasks.fail.using(backend=alias, tenant="acme").enqueue().id
    both = tasks.echo.using(backend=alias, tenant="acme", task_id="nightly").enqueue(2).id
    assert found(q="nightly") == [both, named]
    assert found(q="nightly", tenant="acme") == [both]
    assert found(q="acme") == [both, acme]
    assert found(q="fail") == [acme]
    assert found(q="tests.app.tasks.echo") == [both, named]
    assert found(q="night") == []
    assert found(q="fail", state="SUCCESSFUL") == []
    assert found(q=str(UUID(named)), state="SUCCESSFUL") == []


def test_a_filter_without_an_index_looks_through_the_first_jobs_and_says_so(
    sign_in: SignIn, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spines, "MOST", 5)
    on = tasks.echo.using(backend=alias)
    old = on.using(tenant="acme", task_id="nightly").enqueue(0).id
    on.enqueue_many([((n,), {}) for n in range(5)])
    new = on.using(tenant="acme").enqueue(1).id
    client = sign_in("view_job")
    database = database_of(alias)
    told_of_it = "Some filters have no index of their own"
    assert listed(client, database=database, tenant="acme") == [new]
    page = client.get(LIST, {"database": database, "tenant": "acme"}).content.decode()
    assert told_of_it in page
    plain = client.get(LIST, {"database": database}).content.decode()
    assert told_of_it not in plain
    # An index knows all jobs with a predictable id, however old.
    assert listed(client, database=database, tenant="acme", q="nightly") == [old]
    run_due(alias)
    for n, pk in enumerate(rows(alias).order_by("pk").values_list("pk", flat=True)):
        at = timezone.now() + timedelta(seconds=n)
        rows(alias).filter(pk=pk).update(finished_at=at, due_at=at)
    for state in ("SUCCESSFUL", "SCHEDULED", "DEFERRED"):
        rows(alias).update(state=state)
        found = listed(client, database=database, state=state, tenant="acme")
        assert len(found) == 1, state
    # Many may be due at one moment.
    rows(alias).update(state="SCHEDULED", due_at=timezone.now())
    assert listed(client, database=database, state="SCHEDULED", tenant="acme") == [old]
    # Ready jobs stand by tenant, so that those of a later name come behind all the others.
    rows(alias).update(state="READY")
    ready = {"database": database, "state": "READY", "tenant": "acme"}
    assert listed(client, **ready) == []
    assert told_of_it in client.get(LIST, ready).content.decode()
    assert listed(client, **ready, queue="default") == [old, new]


def test_what_cannot_be_read_shows_nothing_and_says_why(sign_in: SignIn) -> None:
    tasks.echo.enqueue(1)
    client = sign_in("view_job")
    for name, value, why in (
        ("run", "5", "pipeline run: expected the id of a run (a UUID), got '5'."),
        ("schedule", "x", "schedule: expected the number of a schedule, got 'x'."),
        ("from", "2026-13-01", "from: expected a day such as 2026-12-24, got '2026-13-01'."),
        ("to", "0001-01-01T00:00+23:00", "to: expected a day"),
        ("time", "year", "time: there is no 'year'."),
        ("failure", "x", "failure: there is no 'x'."),
        ("state", "x", "state: there is no 'x'."),
        ("task", "x" * 301, "task: expected a name of at most 300 characters without NUL."),
    ):
        page = client.get(LIST, {name: value})
        assert why in told(page)
        assert list(page.context["cl"].result_list) == []
    page = client.get(LIST, {"from": "2026-05-02", "to": "2026-05-01"})
    assert "time: expected the first day to be no later than the last." in told(page)


def test_no_other_column_can_be_filtered_by(sign_in: SignIn) -> None:
    client = sign_in("view_job")
    for lookup in ("args__contains", "task__startswith", "id", "public_id__gt", "result"):
        assert client.get(LIST, {lookup: "x"}).status_code == 400, lookup


def test_ids_of_jobs_go_by_the_time_they_were_made(found: Any) -> None:
    made = UUID(new_id())
    moment = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)
    assert paging.MOST == spines.MOST
