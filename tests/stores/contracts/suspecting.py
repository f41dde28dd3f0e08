"""Promises about suspects, of the stores that set them apart."""

import json

import pytest

from django_taskq.jobs.change import Change
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from tests.stores.jobs import (
    OTHER,
    WORKER,
    Thread,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    join,
    lose,
    outcome,
    record,
    retry,
    state,
)

SOLO = "host:3:solo"


class Suspecting:
    """How a job stands apart whose worker died, and runs next alone."""

    def test_a_suspect_is_handed_out_to_who_asks_for_suspects_alone(self, store: Store) -> None:
        suspect, plain = insert_many(store, 2)
        assert not store.has_suspects()
        lose(store, claim_one(store))

        assert store.has_suspects()
        assert [item.id for item in claim(store, 10, OTHER)] == [plain]
        (again,) = claim(store, 10, SOLO, suspects=True)
        assert (again.id, again.attempt, again.worker_id) == (suspect, 2, SOLO)
        assert json.loads(again.worker_ids or "[]") == [WORKER]
        assert [error.exception_class_path for error in again.errors] == [
            "django_taskq.exceptions.JobLost"
        ]
        assert (state(store, suspect), record(store, suspect).parked_for) == (State.RUNNING, None)
        assert not store.has_suspects()
        assert claim(store, 10, SOLO, suspects=True) == []

    def test_suspects_are_handed_out_by_priority_and_then_in_order(self, store: Store) -> None:
        ids = [
            insert(store, priority=priority, tenant=tenant, queue=queue)
            for priority, tenant, queue in (
                (0, "a", "x"), (5, "b", "y"), (0, "b", "x"), (100, "a", "z"), (5, "a", "x"),
            )
        ]  # fmt: skip
        lose(store, *claim(store, 5))

        taken = [claim(store, 2, SOLO, suspects=True) for _ in range(3)]
        order = [ids[n] for n in (3, 1, 4, 0, 2)]
        assert [[item.id for item in some] for some in taken] == [order[:2], order[2:4], order[4:]]

    def test_a_claim_of_suspects_keeps_to_its_queues(self, store: Store) -> None:
        mail, video, other = (insert(store, queue=queue) for queue in ("mail", "video", "other"))
        lose(store, *claim(store, 3))

        named = claim(store, 9, SOLO, suspects=True, queues=("mail", "none"))
        assert [item.id for item in named] == [mail]
        rest = claim(store, 9, SOLO, suspects=True, excluded_queues=frozenset({"video"}))
        assert [item.id for item in rest] == [other]
        both = claim(
            store, 9, SOLO, suspects=True, queues=("video",), excluded_queues=frozenset({"video"})
        )
        assert both == []
        assert [item.id for item in claim(store, 9, SOLO, suspects=True)] == [video]

    def test_many_who_ask_at_once_never_get_the_same_suspect(self, store: Store) -> None:
        ids = insert_many(store, 20)
        lose(store, *claim(store, 20))

        def take(worker: str) -> list[str]:
            taken: list[str] = []
            while store.has_suspects():
                taken += [item.id for item in claim(store, 1, worker, suspects=True)]
            return taken

        threads = [Thread(lambda n=n: take(f"solo{n}")) for n in range(4)]  # type: ignore[misc]
        assert sorted(id for thread in threads for id in thread.result()) == sorted(ids)

    def test_a_suspect_that_its_worker_survives_goes_on_as_any_other_job(
        self, store: Store
    ) -> None:
        join(store, SOLO, is_solo=True)
        insert(store)
        lose(store, claim_one(store))
        (alone,) = claim(store, 1, SOLO, suspects=True)

        assert finish(store, retry(alone), worker=SOLO) == [State.READY]
        assert not store.has_suspects()
        again = claim_one(store)
        assert (again.id, len(again.errors)) == (alone.id, 2)

    @pytest.mark.parametrize("how", ["release", "finish", "forget"])
    def test_what_a_solo_worker_gives_back_is_a_suspect_again(self, store: Store, how: str) -> None:
        join(store, SOLO, is_solo=True)
        first, second = insert_many(store, 2)
        lose(store, *claim(store, 2))
        claims = claim(store, 2, SOLO, suspects=True)
        store.cancel([second])
        if how == "release":
            store.release(SOLO, [Fence(item.seq, item.attempt) for item in claims])
        elif how == "finish":
            finish(store, *[outcome(item, Verdict.RELEASED) for item in claims], worker=SOLO)
        else:
            store.forget(SOLO)

        assert [state(store, id) for id in (first, second)] == [State.READY, State.CANCELED]
        assert [record(store, id).parked_for for id in (first, second)] == ["suspect", None]
        assert claim(store, 10) == []
        assert [item.id for item in claim(store, 10, OTHER, suspects=True)] == [first]

    def test_what_a_solo_worker_gives_back_for_later_is_a_suspect_then(self, store: Store) -> None:
        join(store, SOLO, is_solo=True)
        id = insert(store)
        lose(store, claim_one(store))
        (claimed,) = claim(store, 1, SOLO, suspects=True)
        later = outcome(claimed, Verdict.RELEASED, delay=600.0)

        assert finish(store, later, worker=SOLO) == [State.SCHEDULED]
        assert not store.has_suspects()
        store.run_now([id])
        assert claim(store, 10) == []
        assert [item.id for item in claim(store, 10, OTHER, suspects=True)] == [id]

    def test_only_what_was_given_back_is_a_suspect_again(self, store: Store) -> None:
        join(store, SOLO, is_solo=True)
        survivor, other = insert_many(store, 2)
        lose(store, *claim(store, 2))
        first, second = claim(store, 2, SOLO, suspects=True)
        released = outcome(second, Verdict.RELEASED)

        assert finish(store, retry(first), released, worker=SOLO) == [State.READY] * 2
        assert [item.id for item in claim(store, 10)] == [survivor]
        assert [item.id for item in claim(store, 10, suspects=True)] == [other]

    def test_what_any_other_worker_gives_back_is_not(self, store: Store) -> None:
        join(store)
        insert(store)
        claimed = claim_one(store)
        store.release(WORKER, [Fence(claimed.seq, 1)])

        assert not store.has_suspects()

    def test_a_suspect_is_canceled_and_retried_as_any_other_job(self, store: Store) -> None:
        id = insert(store)
        lose(store, claim_one(store), was_alone=True)

        assert store.retry([id]) == [Change(id, State.READY, State.READY)]
        assert store.run_now([id]) == [Change(id, State.READY, State.READY)]
        assert record(store, id).parked_for == "suspect"
        assert store.delete([id]) == 0
        assert store.cancel([id]) == [Change(id, State.READY, State.CANCELED)]
        assert record(store, id).parked_for is None
        assert not store.has_suspects()
        assert claim(store, 1, SOLO, suspects=True) == []
        store.retry([id])
        again = claim_one(store)
        assert (again.id, again.lost) == (id, 0)

    def test_a_copy_of_a_suspect_is_none(self, store: Store) -> None:
        id = insert(store)
        lose(store, claim_one(store))
        (copy,) = store.requeue([id])

        assert record(store, copy.id).parked_for is None
        assert claim_one(store).id == copy.id

    def test_suspects_count_as_ready(self, store: Store) -> None:
        insert_many(store, 3)
        first, _ = claim(store, 2)
        lose(store, first)
        insights = store.insights()

        assert (insights.depth("READY"), insights.depth("RUNNING")) == (2, 1)

    def test_burying_a_worker_loses_what_had_started_and_frees_the_rest(self, store: Store) -> None:
        join(store)
        started, waiting = insert_many(store, 2)
        first, second = claim(store, 2)
        lose(store, first)

        assert store.forget(WORKER) == 1
        assert [state(store, id) for id in (started, waiting)] == [State.READY] * 2
        assert [item.id for item in claim(store, 10, OTHER)] == [waiting]
        assert finish(store, failure(second)) == [None]
