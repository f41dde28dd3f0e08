"""What only the Redis store promises: its archive, a Redis that forgets, what it cannot do."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.change import Change
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.origin import Origin, Upstream
from django_taskq.jobs.rules import Rules, TenantRule
from django_taskq.jobs.states import State
from django_taskq.jobs.xcom import XComFilter
from django_taskq.models import Attempt, Job
from tests.deadlines import wait_until
from tests.stores.contracts.naming import enter, named
from tests.stores.contracts.xcom import pulled, push, xcom
from tests.stores.jobs import (
    OTHER,
    WORKER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    lose,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import RedisPlace, redis_client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store() -> Iterator[Any]:
    opened = RedisPlace("default").open()
    yield opened
    opened.close()


def is_here(store: Any, id: str) -> bool:
    """Tell whether Redis still holds a job."""
    return redis_client().zscore(store.scripts.keys.name("jobs"), id) is not None


def fail_for_good(store: Any, **values: Any) -> str:
    """Return the id of a job that failed twice, archived."""
    id = insert(store, **values)
    finish(store, retry(claim_one(store), text="one", ctx='{"n":1}'))
    finish(store, failure(claim_one(store), "two", log="said"))
    assert store.archive(10) == 1
    return id


# The archive.


def test_an_archived_job_reads_as_it_did_before(store: Any) -> None:
    due = datetime(2030, 1, 1, tzinfo=UTC)
    origin = Origin(new_id(), "load", 2, schedule_id=7, scheduled_for=due)
    told = {"args": "[1]", "tenant": "acme", "metadata": '{"m":1}', "trace": '{"t":1}'}
    id = insert(store, priority=7, origin=origin, **told)
    finish(store, retry(claim_one(store), text="one"))
    finish(store, success(claim_one(store), '"r"', log="said"))
    (before,) = store.history([id])
    assert store.archive(10) == 1

    assert not is_here(store, id)
    (after,) = store.history([id])
    assert after == _with(before, after)
    assert [job.id for job in store.find(JobFilter(tenant="acme", run_id=origin.run_id))] == [id]
    assert store.wait_ended([id], None)
    assert store.archive(10) == 0


def _with(before: Any, after: Any) -> Any:
    """Return a record under the number that its row has."""
    return replace(before, seq=after.seq)


def test_an_archived_job_is_retried_with_all_that_was_kept_of_it(store: Any) -> None:
    id = fail_for_good(store, max_tries=2, args="[1]")

    assert store.retry([id]) == [Change(id, State.FAILED, State.READY)]
    assert store.retry([id]) == [Change(id, State.READY, State.READY)]
    again = claim_one(store)
    assert (again.id, again.args, again.attempt, again.tries) == (id, "[1]", 3, 0)
    assert (again.ctx, len(again.errors), again.max_tries) == ('{"n":1}', 2, 2)
    assert [job.state for job in store.find(JobFilter())] == [State.RUNNING]
    finish(store, success(again))
    store.archive(10)
    assert Job.objects.count() == 1
    assert Attempt.objects.count() == 3
    assert record(store, id).state == State.SUCCESSFUL


def test_an_archived_job_whose_id_is_taken_again_is_not_retried(store: Any) -> None:
    first = enter(store)
    finish(store, failure(claim_one(store)))
    store.archive(10)
    second = enter(store)

    (change,) = store.retry([first.id])
    assert (change.after, change.held_by) == (State.FAILED, second.id)
    store.cancel([second.id])
    assert store.retry([first.id])[0].after == State.READY
    with pytest.raises(Exception, match=first.id):
        store.insert([named(store)])


def test_an_archived_job_is_copied_and_deleted(store: Any) -> None:
    id = fail_for_good(store, args="[1]")
    (copy,) = store.requeue([id])
    assert record(store, copy.id).args == "[1]"
    assert store.delete([id, copy.id]) == 1
    assert store.get([id]) == []
    assert Attempt.objects.count() == 0


def test_a_job_that_is_retried_while_it_is_archived_stays(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = insert(store)
    finish(store, failure(claim_one(store)))
    keep = store._archive.keep

    def keep_and_be_overtaken(jobs: Any) -> None:
        keep(jobs)
        store.retry([id])

    monkeypatch.setattr(store._archive, "keep", keep_and_be_overtaken)
    store.archive(10)
    monkeypatch.undo()
    assert (is_here(store, id), state(store, id)) == (True, State.READY)
    finish(store, success(claim_one(store)))
    store.archive(10)
    assert [job.state for job in Job.objects.all()] == [State.SUCCESSFUL]


def test_a_job_that_is_retried_just_before_it_is_archived_leaves_no_row(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = insert(store)
    finish(store, failure(claim_one(store)))
    load = store._archiver._moves.load

    def retry_and_load(seqs: Any) -> Any:
        store.retry([id])
        return load(seqs)

    monkeypatch.setattr(store._archiver._moves, "load", retry_and_load)
    store.archive(10)
    monkeypatch.undo()
    assert (state(store, id), Job.objects.count()) == (State.READY, 0)


def test_a_stale_archive_does_not_write_over_what_came_after(store: Any) -> None:
    id = insert(store)
    finish(store, failure(claim_one(store)))
    stale = store._archive.take_out([id])
    kept: list[Any] = []
    keep = store._archive.keep
    store._archive.keep = lambda jobs: kept.extend(jobs) or keep(jobs)
    store.archive(10)
    store.retry([id])
    finish(store, success(claim_one(store)))
    store.archive(10)
    assert stale == []

    store._archive.keep(kept[:1])
    assert state(store, id) == State.SUCCESSFUL


# A Redis that forgets.


def forget_all(store: Any) -> None:
    """Have Redis lose all keys of the alias, as FLUSHALL does."""
    client = redis_client()
    for key in client.scan_iter(f"{store.scripts.keys.tag}:*"):
        client.delete(key)


def test_a_redis_that_was_emptied_is_told_of_and_later_jobs_run(
    store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    join(store)
    lost = insert(store)
    late = claim_one(store)
    forget_all(store)
    assert store.get([lost]) == []
    assert store.wait_ended([lost], None)
    id = insert(store)
    with caplog.at_level(logging.ERROR):
        assert not store.heartbeat(WORKER).is_alive
        assert not store.heartbeat(WORKER).is_alive
    assert [message for message in caplog.messages if "has lost all jobs" in message] != []
    assert len(caplog.messages) == 1
    join(store, OTHER)
    claimed = claim_one(store, WORKER)

    # The new numbers are none of the old ones: a late result meets nothing.
    assert claimed.id == id
    assert finish(store, success(late)) == [None]
    assert finish(store, success(claimed)) == [State.SUCCESSFUL]


def test_scripts_that_were_flushed_are_sent_again(store: Any) -> None:
    insert(store)
    redis_client().script_flush()
    assert claim_one(store)


def test_jobs_that_redis_has_evicted_hold_nobody_up(store: Any) -> None:
    ready, _ = insert_many(store, 2)
    later = insert_later(store, 0.05)
    ended = insert(store, queue="other")
    finish(store, success(claim(store, queues=("other",))[0]))
    for id in (ready, later, ended):
        redis_client().delete(store.scripts.keys.name("job:", f"{record(store, id).seq:016d}"))
    wait_until(lambda: store.promote(10).next_in is None, what="the evicted job to be due")

    assert len(claim(store, 5)) == 1
    assert claim(store, 5) == []
    store.archive(10)
    assert store.archive(10) == 0


def test_what_was_evicted_of_suspects_and_hands_is_passed_over(store: Any) -> None:
    join(store)
    insert_many(store, 4)
    first, second, *held = claim(store, 4)
    lose(store, first, second)
    for claimed in (first, held[0]):
        redis_client().delete(store.scripts.keys.name("job:", f"{claimed.seq:016d}"))

    counted = {lane.state: lane.count for lane in store.insights().lanes}
    assert counted == {"READY": 1, "RUNNING": 1}
    assert store.outlook(first.id) is None
    assert [claimed.id for claimed in claim(store, 5, suspects=True)] == [second.id]
    assert claim(store, 5, suspects=True) == []
    assert finish(store, success(held[0]), success(held[1])) == [None, State.SUCCESSFUL]


# What it does a piece at a time, so that Redis serves others in between.


def test_thousands_of_paused_tenants_are_passed_over_in_some_looks(store: Any) -> None:
    names = [f"t{n:04}" for n in range(3000)]
    store.insert([spec(tenant=name) for name in names])
    id = insert(store, tenant="z")
    store._rulings.rule(Rules({name: TenantRule(is_paused=True) for name in names}))

    assert [claimed.id for claimed in claim(store, 5)] == [id]
    assert claim(store, 5) == []
    assert store.insights().depth(State.READY) == 3000


def test_who_finds_nobody_in_many_looks_goes_on_from_there_in_the_next_claim(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.stores.redis.claims.MOST_LOOKS", 1)
    names = [f"t{n:04}" for n in range(3000)]
    store.insert([spec(tenant=name) for name in names])
    id = insert(store, tenant="z")
    store._rulings.rule(Rules({name: TenantRule(is_paused=True) for name in names}))

    assert claim(store, 5) == []
    assert store.opens_in(WORKER) is not None
    assert [claimed.id for claimed in claim(store, 5)] == [id]


# Values of jobs that have left for the archive.


def test_what_the_last_attempt_of_an_archived_job_pushed_is_read(store: Any) -> None:
    join(store)
    id = insert(store, max_tries=2)
    first = claim_one(store)
    push(store, "1", first, key="first")
    finish(store, retry(first))
    last = claim_one(store)
    push(store, "2", last)
    finish(store, success(last))
    assert store.archive(10) == 1
    assert not is_here(store, id)
    assert [pulled(store), pulled(store, by="step"), pulled(store, "first")] == ["2", "2", None]
    push(store, "late", first)
    assert pulled(store) == "2"
    assert store.delete([id]) == 1
    assert pulled(store) == "2"
    assert store.xcoms.delete("", "default") == 1


def test_an_archived_job_that_is_retried_starts_without_values(store: Any) -> None:
    join(store)
    push(store, '"older"')
    id = insert(store)
    failed = claim_one(store)
    push(store, '"failed"', failed)
    finish(store, failure(failed))
    store.archive(10)
    assert pulled(store) == '"failed"'
    store.retry([id])
    assert pulled(store) == '"older"'
    push(store, '"again"', claim_one(store))
    assert pulled(store) == '"again"'
    assert store.xcoms.delete("", "default") == 2


def test_a_namespace_of_many_values_is_looked_through_by_the_page(store: Any) -> None:
    keys = [f"k{number:03}" for number in range(251)]
    store.xcoms.push([xcom("1", key=key) for key in keys])
    assert store.xcoms.keys("", "default") == keys
    assert [found.key for found in store.xcoms.find(XComFilter())] == keys[::-1]
    assert store.xcoms.delete("", "default") == 251


def test_a_value_that_was_evicted_is_as_if_it_had_never_been_pushed(store: Any) -> None:
    join(store)
    insert(store)
    push(store, '"older"')
    push(store, '"evicted"', claim_one(store))
    redis_client().delete(store.scripts.keys.name("xcom:", "2"))
    assert pulled(store) == '"older"'
    assert store.xcoms.keys("", "default") == ["k"]
    store.xcoms.delete("", "default")
    assert store.xcoms.namespaces("") == []


# What it cannot do.


def test_a_job_that_is_to_wait_for_others_is_refused_by_a_sentence(store: Any) -> None:
    origin = Origin(upstreams=(Upstream(task_id="first"),))
    with pytest.raises(InvalidPipeline, match=r"OPTIONS\['DURABLE'\] set to False"):
        store.insert([spec(), spec(origin=origin)])
    join(store)
    id = insert(store)
    claimed = claim_one(store)
    with pytest.raises(InvalidPipeline, match=r"OPTIONS\['DURABLE'\] set to False"):
        store.expand(WORKER, success(claimed), [spec()])
    assert (store.edges([id]), store.runs(RunFilter()), store.catch_up(10)) == ([], [], 0)
    finish(store, success(claimed))
    assert store.insights().depth() == 0
