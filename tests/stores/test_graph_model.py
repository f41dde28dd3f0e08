"""Random graphs, ended, canceled, retried and deleted at random, against a model of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.states import State
from tests.stores.contracts.depending import after
from tests.stores.contracts.relaying import relay
from tests.stores.graph_model import GraphModel
from tests.stores.jobs import WORKER, claim, failure, finish, join, record, retry, spec, success
from tests.stores.places import DatabasePlace, MemoryPlace, Place

number = st.integers(min_value=0, max_value=11)
rule = st.one_of(st.just(TriggerRule.ALL_SUCCESS), st.sampled_from(TriggerRule))
insert = st.tuples(st.just("insert"), rule, st.lists(number, max_size=3))
batch = st.tuples(st.just("batch"), rule, st.lists(number, min_size=1, max_size=4))
move = st.one_of(
    st.tuples(st.just("end"), st.sampled_from(["success", "failure", "failure", "retry"])),
    st.tuples(st.just("many"), st.lists(st.booleans(), min_size=2, max_size=4)),
    st.tuples(st.just("relay"), st.integers(min_value=1, max_value=4)),
    st.tuples(st.sampled_from(["cancel", "retry", "retry", "delete"]), number),
    insert,
)
# Some jobs that wait for nothing, some that wait for these, then what befalls them.
steps = st.tuples(
    st.lists(st.tuples(st.just("insert"), rule, st.just([])), min_size=1, max_size=3),
    st.lists(st.one_of(insert, batch), min_size=3, max_size=8),
    st.lists(move, min_size=6, max_size=20),
).map(lambda parts: [each for part in parts for each in part])

HOWS = {"success": success, "failure": failure, "retry": retry}
AFTER = {"success": State.SUCCESSFUL, "failure": State.FAILED, "retry": State.READY}


class Walk:
    """One store and its model, taken through the same steps."""

    def __init__(self, place: Place) -> None:
        self.store = place.open()
        self.model = GraphModel()
        join(self.store)

    def take(self, kind: str, *told: Any) -> None:
        """Take a step, and compare."""
        getattr(self, f"_{kind}")(*told)
        found = {id: record(self.store, id) for id in self.model.told()}
        assert {id: (job.state, job.is_blocked) for id, job in found.items()} == self.model.told()
        for job in found.values():
            assert (job.blocked_for is not None) == job.is_blocked

    def _known(self, numbers: list[int]) -> list[str]:
        ids = list(self.model.told())
        return list(dict.fromkeys(ids[n % len(ids)] for n in numbers)) if ids else []

    def _insert(self, rule: TriggerRule, numbers: list[int]) -> None:
        ids = self._known(numbers)
        new = after(*ids, rule=rule) if ids else spec()
        self.store.insert([new])
        self.model.insert(new.id, rule, tuple(ids))

    def _batch(self, rule: TriggerRule, numbers: list[int]) -> None:
        """Insert a chain, each job of which waits for one that was there before, too."""
        specs: list[Any] = []
        for id in self._known(numbers):
            ups = (id, specs[-1].id) if specs else (id,)
            specs.append(after(*ups, rule=rule))
        self.store.insert(specs)
        for new in specs:
            ups = tuple(up.id for up in new.origin.upstreams)
            self.model.insert(new.id, rule, ups)

    def _end(self, how: str) -> None:
        for claimed in claim(self.store):
            finish(self.store, HOWS[how](claimed))
            self.model.move(claimed.id, AFTER[how])

    def _many(self, hows: list[bool]) -> None:
        """End several jobs by one call: what they mean together is decided once."""
        claims = claim(self.store, len(hows))
        told = list(zip(claims, hows, strict=False))
        finish(self.store, *((success if good else failure)(each) for each, good in told))
        for each, good in told:
            self.model.nodes[each.id].state = State.SUCCESSFUL if good else State.FAILED
        self.model._settle()

    def _relay(self, count: int) -> None:
        """End jobs by a relay; what it hands over is given back, for others to end."""
        claims = claim(self.store, count)
        relayed = relay(self.store, *map(success, claims))
        for claimed in claims:
            self.model.nodes[claimed.id].state = State.SUCCESSFUL
        self.model._settle()
        told = self.model.told()
        for handed in relayed.claims:
            assert told[handed.id] == (State.READY, False)
            assert self.store.release(WORKER, [Fence(handed.seq, handed.attempt)]) == 1

    def _cancel(self, number: int) -> None:
        for id in self._known([number]):
            self.store.cancel([id])
            self.model.cancel(id)

    def _retry(self, number: int) -> None:
        for id in self._known([number]):
            self.store.retry([id])
            self.model.retry(id)

    def _delete(self, number: int) -> None:
        for id in self._known([number]):
            self.store.delete([id])
            self.model.delete(id)


def walk(place: Place, taken: list[Any]) -> None:
    """Take a store through steps."""
    course = Walk(place)
    for each in taken:
        course.take(*each)
    course.store.close()


@settings(max_examples=1500)
@given(steps)
def test_a_graph_in_memory_goes_the_way_of_the_model(taken: list[Any]) -> None:
    walk(MemoryPlace(), taken)


@pytest.mark.django_db(transaction=True, databases=["default"])
@settings(max_examples=20)
@given(steps)
def test_a_graph_on_sqlite_goes_the_way_of_the_model(taken: list[Any]) -> None:
    walk(DatabasePlace("default"), taken)


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@settings(max_examples=300)
@given(steps)
def test_a_graph_on_postgresql_goes_the_way_of_the_model(taken: list[Any]) -> None:
    walk(DatabasePlace("postgresql"), taken)
