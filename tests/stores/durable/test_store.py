"""What rows and Redis promise together, beyond the contract: neither is ever right alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from redis.exceptions import ConnectionError as Away

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.explanation import explain
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.origin import Origin, Upstream
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, OnDuplicate
from django_taskq.models import Job
from django_taskq.stores.durable import handover
from tests.deadlines import wait_until
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
from tests.stores.places import DurablePlace, places_with_both, redis_client


@pytest.fixture(params=places_with_both())
def place(request: pytest.FixtureRequest) -> DurablePlace:
    found: DurablePlace = request.param
    return found


@pytest.fixture
def store(place: DurablePlace) -> Iterator[Any]:
    opened = place.open()
    join(opened)
    join(opened, OTHER)
    yield opened
    opened.close()


class Line:
    """The quick connection of a store to Redis, which can be cut."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_cut = False
        self._store = store
        monkeypatch.setattr(store.line._quick, "client", self.client)

    def client(self) -> Any:
        if self.is_cut:
            raise Away("cut by the test")
        return redis_client()

    def mend(self) -> None:
        """Let it be used again, and wait until that is known."""
        self.is_cut = False
        opened = self._store.handover._breaker
        wait_until(lambda: not opened.is_open, what="an answer of Redis to be noticed")


@pytest.fixture
def line(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    made = Line(store, monkeypatch)
    yield made
    made.is_cut = False


def roll_back(store: Any) -> None:
    """Have the transaction that is open be rolled back as it ends."""
    transaction.set_rollback(True, using=store.rows.database)


def row(store: Any, id: str) -> Job:
    """Return the row of a job, whatever Redis says of it."""
    found: Job = Job.objects.using(store.rows.database).get(public_id=id)
    return found


def keys_of(store: Any) -> set[str]:
    """Return the words that the keys of a store begin with."""
    tag = store.line.scripts.keys.tag
    found = redis_client().scan_iter(f"{tag}:*", count=1000)
    return {key.decode().removeprefix(f"{tag}:").partition(":")[0] for key in found}


def replace(store: Any, args: str) -> Any:
    """Insert a job in the place of the one that has its id."""
    named = spec(
        task_id="one", unique_key=f"{store.alias}-one", args=args, on_duplicate=OnDuplicate.REPLACE
    )
    (inserted,) = store.insert([named])
    return inserted


def test_a_claim_asks_no_database_and_its_row_stays_as_it_was(store: Any) -> None:
    id = insert(store)
    with CaptureQueriesContext(connections[store.rows.database]) as asked:
        claimed = claim_one(store)
    assert len(asked) == 0
    assert (row(store, id).state, row(store, id).attempt) == (State.READY, 0)
    seen = record(store, id)
    assert (seen.state, seen.attempt, seen.worker_id) == (State.RUNNING, 1, WORKER)
    assert seen.claimed_at == claimed.claimed_at


def test_the_first_job_of_all_is_handed_over_before_there_is_a_worker(place: DurablePlace) -> None:
    store = place.open(is_begun=False)
    id = insert(store)
    join(store)
    assert (claim_one(store).id, record(store, id).attempt) == (id, 1)
    store.close()


@pytest.mark.parametrize("count", [1, 50])
def test_plain_successes_are_few_statements(store: Any, count: int) -> None:
    ids = insert_many(store, count)
    claims = claim(store, count)
    with CaptureQueriesContext(connections[store.rows.database]) as asked:
        assert set(finish(store, *map(success, claims))) == {State.SUCCESSFUL}
    writes = [query["sql"] for query in asked if "UPDATE" in query["sql"]]
    if store.rows.database == "postgresql":
        # The second looks for those who began to wait for them meanwhile.
        assert (len(asked), len(writes)) == (2, 1)
    done = row(store, ids[0])
    assert (done.state, done.attempt, done.worker_id, done.tries) == ("SUCCESSFUL", 1, WORKER, 1)
    assert done.claimed_at == claims[0].claimed_at
    assert not keys_of(store) & {"job", "jobs", "hand", "hands", "running", "ended", "lane"}


def test_jobs_are_handed_out_once_their_transaction_is_committed(store: Any) -> None:
    with transaction.atomic(using=store.rows.database):
        insert_many(store, 2)
        insert(store)
        assert claim(store, 5) == []
    assert len(claim(store, 5)) == 3


def test_what_was_rolled_back_is_handed_to_nobody(store: Any) -> None:
    database = store.rows.database
    with transaction.atomic(using=database):
        kept = insert(store)
        with transaction.atomic(using=database):
            insert(store)
            roll_back(store)
    with transaction.atomic(using=database):
        insert(store)
        roll_back(store)
    assert [claimed.id for claimed in claim(store, 5)] == [kept]


def test_no_enqueue_hears_of_a_redis_that_is_away(
    store: Any, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.is_cut = True
    ids = [*insert_many(store, 2), insert(store)]
    assert [state(store, id) for id in ids] == [State.READY] * 3
    assert len([each for each in caplog.records if "are safe in their rows" in each.message]) == 1
    assert claim(store, 5) == []
    line.mend()
    store.promote(100)
    assert {claimed.id for claimed in claim(store, 5)} == set(ids)


def test_a_result_is_kept_while_redis_is_away_and_frees_its_place_later(
    store: Any, line: Line
) -> None:
    id = insert(store)
    claimed = claim_one(store)
    line.is_cut = True
    assert finish(store, success(claimed, "5")) == [State.SUCCESSFUL]
    assert (state(store, id), record(store, id).result) == (State.SUCCESSFUL, "5")
    assert store.held(WORKER) == [Fence(claimed.seq, 1)]
    line.mend()
    store.promote(100)
    assert store.held(WORKER) == []
    assert finish(store, success(claimed, "6")) == [None]


def test_a_job_that_ended_before_redis_heard_of_it_runs_no_second_time(
    store: Any, place: DurablePlace, line: Line
) -> None:
    insert(store)
    claimed = claim_one(store)
    line.is_cut = True
    finish(store, success(claimed))
    # The process that knew is gone: another one finds the lease of its worker over.
    other = place.open(alias=store.alias)
    redis_client().zadd(other.line.scripts.keys.name("workers"), {WORKER: 1})
    assert other.reap()[:3] == ((WORKER,), 0, ())
    assert claim(other, 5, OTHER) == []
    assert other.insights().depth() == 0
    other.close()


@pytest.mark.parametrize("is_known", [True, False])
def test_a_job_that_was_canceled_while_redis_was_away_has_no_result(
    store: Any, line: Line, is_known: bool
) -> None:
    id = insert(store)
    claimed = claim_one(store)
    if is_known:
        store.note(WORKER, [Note(claimed.seq, 1, claimed.claimed_at)])
    line.is_cut = True
    store.cancel([id])
    line.mend()
    if is_known:
        # Its row knew that it runs, so whoever runs it was asked to stop.
        store.promote(100)
        assert store.cancels_asked(WORKER) == {claimed.seq}
        assert finish(store, failure(claimed)) == [State.CANCELED]
        return
    assert state(store, id) == State.CANCELED
    store.retry([id])
    assert finish(store, success(claimed, '"late"')) == [None]
    again = claim_one(store, OTHER)
    assert finish(store, success(again, '"new"'), worker=OTHER) == [State.SUCCESSFUL]
    assert record(store, id).result == '"new"'


def test_a_cancel_meets_a_job_that_only_redis_knows_to_run(store: Any) -> None:
    id = insert(store)
    claimed = claim_one(store)
    (change,) = store.cancel([id])
    assert (change.before, change.is_asked) == (State.RUNNING, True)
    assert store.heartbeat(WORKER).cancel_asked == {claimed.seq}
    assert finish(store, failure(claimed)) == [State.CANCELED]


def test_what_a_transaction_withdrew_comes_back_where_it_is_rolled_back(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "LONGEST_TRANSACTION", 0.0)
    id = insert(store)
    with transaction.atomic(using=store.rows.database):
        store.cancel([id])
        assert claim(store) == []
        roll_back(store)
    store.promote(100)
    assert claim_one(store).id == id


def test_a_late_hand_over_brings_nothing_back_that_has_ended(store: Any) -> None:
    with transaction.atomic(using=store.rows.database):
        id = insert(store)
        read = [job for jobs in store.rows.read([id]) for job in jobs]
        store.cancel([id])
    assert store.line.give(read, is_locked=False) == 0
    assert claim(store) == []
    store.retry([id])
    assert claim_one(store).id == id


def test_a_sync_leaves_a_job_in_the_hand_of_who_runs_it(store: Any) -> None:
    ids = insert_many(store, 3)
    claims = claim(store, 2)
    finish(store, retry(claims[0], 3600))
    assert store.handover.sync(ids)
    assert store.held(WORKER) == [Fence(claims[1].seq, 1)]
    assert [state(store, id) for id in ids] == [State.SCHEDULED, State.RUNNING, State.READY]
    assert [claimed.id for claimed in claim(store, 5, OTHER)] == [ids[2]]
    assert finish(store, success(claims[1])) == [State.SUCCESSFUL]


def test_a_sync_drops_what_has_no_row_any_more(store: Any) -> None:
    gone, stays = insert_many(store, 2)
    seq = row(store, gone).pk
    row(store, gone).delete()
    assert store.handover.sync([seq, stays])
    assert [claimed.id for claimed in claim(store, 5)] == [stays]


def test_a_job_that_only_redis_knows_to_run_is_not_replaced(store: Any) -> None:
    replace(store, "[1]")
    claimed = claim_one(store)
    with pytest.raises(DuplicateJob, match="which is RUNNING and has started"):
        replace(store, "[2]")
    assert finish(store, success(claimed)) == [State.SUCCESSFUL]


@pytest.mark.parametrize("is_away", [True, False])
def test_no_replaced_call_is_lost_to_who_began_the_old_one(
    store: Any, line: Line, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    old = replace(store, "[1]")
    begun = []
    look = store.line.look
    if is_away:
        begun.append(claim_one(store))
        line.is_cut = True
    else:
        # It is handed out after it was looked for.

        def look_and_begin(keys: Any) -> Any:
            seen = look(keys)
            begun.append(claim_one(store))
            return seen

        monkeypatch.setattr(store.line, "look", look_and_begin)
    assert replace(store, "[2]")[::2] == (old.id, Entry.REPLACED)
    monkeypatch.setattr(store.line, "look", look)
    line.mend()
    store.promote(100)
    assert finish(store, success(begun[0])) == [None]
    again = claim_one(store, OTHER)
    assert (again.id, again.args) == (old.id, "[2]")
    assert finish(store, success(again), worker=OTHER) == [State.SUCCESSFUL]


def test_a_replaced_job_waits_for_the_transaction_that_replaces_it(store: Any) -> None:
    old = replace(store, "[1]")
    with transaction.atomic(using=store.rows.database):
        replace(store, "[2]")
        assert claim(store) == []
    again = claim_one(store)
    assert (again.id, again.args, again.attempt) == (old.id, "[2]", 1)


def test_rows_learn_of_an_attempt_by_what_it_tells(store: Any) -> None:
    id = insert(store)
    claimed = claim_one(store)
    assert store.note(WORKER, [Note(claimed.seq, 1, claimed.claimed_at, "[1, 2, null]")]) == 1
    known = row(store, id)
    assert (known.state, known.attempt, known.worker_id) == ("RUNNING", 1, WORKER)
    assert known.progress == "[1, 2, null]"
    assert store.note(OTHER, [Note(claimed.seq, 1)]) == 0


def test_nobody_else_ends_what_a_worker_holds(store: Any) -> None:
    id = insert(store)
    claimed = claim_one(store)
    assert finish(store, success(claimed), worker=OTHER) == [None]
    assert lose(store, claimed._replace(worker_id=OTHER)) == [None]
    assert (state(store, id), record(store, id).worker_id) == (State.RUNNING, WORKER)


def test_another_process_ends_what_it_was_not_handed(store: Any, place: DurablePlace) -> None:
    insert(store)
    claimed = claim_one(store)
    other = place.open(alias=store.alias)
    assert lose(other, claimed) == [State.READY]
    assert finish(store, success(claimed)) == [None]
    assert other.has_suspects()
    other.close()


def test_jobs_that_waited_for_others_are_handed_over_as_these_end(store: Any) -> None:
    first = insert(store)
    last = insert(store, origin=Origin(upstreams=(Upstream(id=first),)))
    claimed = claim_one(store)
    assert claim(store) == []
    finish(store, success(claimed))
    assert claim_one(store).id == last


def test_live_numbers_are_those_of_rows_where_redis_is_away(store: Any, line: Line) -> None:
    first, _ = insert_many(store, 2)
    insert_later(store)
    claim_one(store)
    assert store.insights().depth(State.RUNNING) == 1
    assert store.insights().is_complete
    store.line.scripts.client = line.client
    line.is_cut = True
    assert store.insights().depth(State.READY, State.SCHEDULED) == 3
    assert store.insights().workers == ()
    assert not store.insights().is_complete
    assert not store.glance(99).is_complete
    assert explain(store.outlook(first)).startswith("Redis, which hands it out, does not answer")
    with pytest.raises(store.outages):
        claim(store)


def test_a_waiting_caller_is_told_by_redis_and_by_rows_where_it_is_away(
    store: Any, line: Line
) -> None:
    id = insert(store)
    claimed = claim_one(store)
    assert not store.wait_ended([id], 0.01)
    line.is_cut = True
    assert not store.wait_ended([id], 0.01)
    finish(store, success(claimed))
    assert store.wait_ended([id], 5)
