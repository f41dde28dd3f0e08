"""How many statements a step of a pipeline costs, and what the plain ones among them write."""

from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.pairing import Hold
from tests.stores.contracts.depending import insert_after
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.jobs import WORKER, claim_one, finish, insert, join, now_of, state, success
from tests.stores.places import DurablePlace, places_with_both

# Beside those that begin and end transactions: try, mark, end, read and look again.
MOST_STATEMENTS = {"postgresql": 5, "default": 30}
_BOUNDS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


@pytest.fixture(params=places_with_both())
def place(request: pytest.FixtureRequest) -> DurablePlace:
    found: DurablePlace = request.param
    return found


def test_the_end_of_a_step_and_the_next_one_take_few_statements(place: DurablePlace) -> None:
    store: Any = place.open()
    join(store)
    second = insert_after(store, insert(store))
    third = insert_after(store, second)
    assert finish(store, success(claim_one(store))) == [State.SUCCESSFUL]
    claimed = claim_one(store)
    with CaptureQueriesContext(connections[place.database]) as asked:
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]
        assert claim_one(store).id == third
    told = [query["sql"] for query in asked if not query["sql"].startswith(_BOUNDS)]
    assert len(told) <= MOST_STATEMENTS[place.database], told
    store.close()


def test_an_attempt_is_marked_where_its_row_knows_of_none_as_high(place: DurablePlace) -> None:
    store: Any = place.open()
    ids = [insert(store) for _ in range(4)]
    rows = Job.objects.using(place.database).filter(backend=store.alias)
    seqs = dict(rows.values_list("public_id", "seq"))
    by_id = {str(id): seq for id, seq in seqs.items()}
    rows.filter(seq=by_id[ids[1]]).update(attempt=2)
    rows.filter(seq=by_id[ids[2]]).update(state=State.CANCELED)
    at = now_of(store)
    store.rows.mark(
        [
            Hold(by_id[ids[0]], ids[0], State.RUNNING, 1, WORKER, at),
            Hold(by_id[ids[1]], ids[1], State.RUNNING, 2, WORKER, at),
            Hold(by_id[ids[2]], ids[2], State.RUNNING, 1, WORKER, at),
            Hold(by_id[ids[3]], ids[3], State.RUNNING, 1, None, None),
        ]
    )
    states = [state(store.rows, id) for id in ids]
    assert states == [State.RUNNING, State.READY, State.CANCELED, State.RUNNING]
    marked = rows.get(seq=by_id[ids[0]])
    assert (marked.attempt, marked.worker_id, marked.claimed_at) == (1, WORKER, at)
    unnamed = rows.get(seq=by_id[ids[3]])
    assert unnamed.worker_id is None
    assert unnamed.claimed_at is not None
    store.close()


_FILL = (
    "INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state,"
    " priority, band, rank, enqueued_at) "
    "SELECT gen_random_uuid(), %s, 'tests.app.tasks.noop', 'default', '', '[]', '{}',"
    " 'READY', 0, 1, 0, now() FROM generate_series(1, 10000) RETURNING seq"
)


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@pytest.mark.parametrize("verb", ["mark", "succeed"])
def test_a_batch_on_a_table_that_just_grew_is_compared_with_no_row_but_its_own(verb: str) -> None:
    database = "postgresql"
    store: Any = DurablePlace(database).open()
    seqs = [seq for (seq,) in run(database, _FILL, [store.alias])][:500]
    run(database, "DELETE FROM pg_statistic WHERE starelid = 'taskq_job'::regclass")
    at = now_of(store)
    with recorded(database) as statements:
        if verb == "mark":
            store.rows.mark([Hold(seq, "", State.RUNNING, 1, WORKER, at) for seq in seqs])
        else:
            ended = [Outcome(seq, 1, Verdict.SUCCEEDED, started_at=at) for seq in seqs]
            assert len(store.rows.succeed(WORKER, ended, dict.fromkeys(seqs, at))) == len(seqs)
    (writing,) = [each for each in statements if "UPDATE taskq_job" in each[0]]
    plan = plan_of(database, writing)
    # Where rows are not found by a key or a hash, each is compared with all that is given.
    assert "Join Filter" not in plan, plan
    assert verb == "succeed" or "taskq_job_pkey" in plan, plan
    rows = Job.objects.using(database).filter(backend=store.alias, attempt=1)
    assert rows.count() == len(seqs)
    store.close()
