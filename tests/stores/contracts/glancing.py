"""A glance: the numbers that insights have, by queue and to a bound."""

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.glance import Bounded
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from tests.stores.jobs import WORKER, claim, insert, insert_later, insert_many, join, record


class Glancing:
    """The verb `glance`."""

    def test_a_glance_at_an_empty_store_finds_nothing_and_has_the_time(self, store: Store) -> None:
        found = store.glance(100)
        assert (found.counts, found.workers, found.oldest_ready_at) == ((), (), None)
        assert abs((found.now - store.now()).total_seconds()) < 60

    def test_a_glance_has_the_numbers_of_the_insights(self, store: Store) -> None:
        join(store, WORKER)
        insert_many(store, 3, tenant="acme")
        first = claim(store, 2)
        insert_many(store, 2, queue="emails", tenant="other")
        insert(store, queue="emails")
        insert_later(store, queue="later")
        found, insights = store.glance(100), store.insights()
        assert {(each.queue, each.state): each.jobs for each in found.counts} == {
            ("default", "RUNNING"): Bounded(len(first)),
            ("default", "READY"): Bounded(1),
            ("emails", "READY"): Bounded(3),
            ("later", "SCHEDULED"): Bounded(1),
        }
        assert found.depth() == Bounded(insights.depth())
        assert found.depth(State.READY) == Bounded(4)
        assert found.oldest_ready_at == insights.oldest_ready_at
        assert found.oldest_by_queue == (insights.oldest_by_queue or found.oldest_by_queue)
        assert [(each.id, each.is_alive, each.running) for each in found.workers] == [
            (WORKER, True, 2)
        ]
        assert found.oldest_ready_at == min(
            record(store, id).eligible_at for id in _ready_ids(store)
        )


def _ready_ids(store: Store) -> list[str]:
    return [found.id for found in store.find(JobFilter(state="READY", limit=100))]
