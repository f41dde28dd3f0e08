"""What workers count: sums by minute, by hour and for ever, that lose nothing of each other."""

import threading
from datetime import timedelta

from django.db import connections

from django_taskq.jobs import servings
from django_taskq.jobs.counts import (
    BUCKETS,
    ENDINGS,
    Counts,
    Ending,
    Histogram,
    TaskFailures,
    place_of,
)
from django_taskq.jobs.rollups import KEPT, Span, start_of
from django_taskq.jobs.servings import REST, Served, Serving
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock


def counts(queue: str, number: int = 1, leases_lost: int = 0) -> Counts:
    """Return as many successes of a quarter of a second each."""
    endings, buckets = [0] * len(ENDINGS), [0] * BUCKETS
    endings[place_of(Ending.SUCCESSFUL)] = buckets[3] = number
    timed = Histogram(tuple(buckets), number / 4)
    return Counts(queue, tuple(endings), timed, timed, leases_lost)


class RollingUp:
    """The verbs `count` and `rollups`."""

    def test_what_is_counted_adds_up_by_queue_in_every_span(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        frozen.count([counts("b", 2), counts("a", leases_lost=1)])
        frozen.count([counts("a", 3)])
        for span in Span:
            found = frozen.rollups(span)
            assert [rollup.counts for rollup in found] == [counts("a", 4, 1), counts("b", 2)]
            assert {(rollup.span, rollup.at) for rollup in found} == {
                (span, start_of(span, clock.at))
            }

    def test_each_minute_has_its_own_sum_until_it_is_too_old(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        begun = start_of(Span.MINUTE, clock.at)
        frozen.count([counts("a")])
        clock.move(60)
        frozen.count([counts("a", 2)])
        later = begun + timedelta(minutes=1)
        assert [(each.at, each.counts) for each in frozen.rollups(Span.MINUTE)] == [
            (begun, counts("a")),
            (later, counts("a", 2)),
        ]
        assert [each.at for each in frozen.rollups(Span.MINUTE, since=later)] == [later]
        clock.move(KEPT[Span.MINUTE].total_seconds())
        frozen.count([counts("a", 4)])
        assert [each.counts for each in frozen.rollups(Span.MINUTE, since=begun)][-1:] == [
            counts("a", 4)
        ]
        assert begun not in {each.at for each in frozen.rollups(Span.MINUTE)}
        assert [each.counts for each in frozen.rollups(Span.EVER)] == [counts("a", 7)]

    def test_a_trend_adds_up_all_queues_and_knows_which_tasks_failed(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        begun = start_of(Span.HOUR, clock.at)
        pay, send = TaskFailures("pay", 1, 2), TaskFailures("send", 0, 1)
        frozen.count([counts("a")._replace(failures=(pay,)), counts("b", 2)])
        clock.move(3600)
        frozen.count([counts("b")._replace(failures=(pay, send))])
        found = frozen.trend(Span.HOUR, begun)
        later = begun + timedelta(hours=1)
        assert [(each.at, each.counts._replace(failures=())) for each in found.rollups] == [
            (begun, counts("", 3)),
            (later, counts("", 1)),
        ]
        assert found.failures == (TaskFailures("pay", 2, 4), send)
        assert frozen.trend(Span.MINUTE, later).failures == (pay, send)
        clock.move(KEPT[Span.MINUTE].total_seconds())
        frozen.count([counts("a")])
        assert frozen.trend(Span.MINUTE, begun).failures == ()
        assert frozen.trend(Span.HOUR, begun).failures == found.failures

    def test_many_workers_at_once_lose_nothing_of_each_other(self, store: Store) -> None:
        queues = ["a", "b", "c"]
        errors: list[Exception] = []

        def work(turn: int) -> None:
            try:
                for _ in range(5):
                    store.count(
                        [counts(queue) for queue in queues[turn % 3 :] + queues[: turn % 3]]
                    )
            except Exception as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert [each.counts for each in store.rollups(Span.EVER)] == [
            counts(queue, 20) for queue in queues
        ]

    def test_what_tenants_were_given_adds_up_until_it_is_too_old(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        if frozen.is_local:
            # Nothing of it is kept: a pool has no page that would show it for long.
            assert frozen.servings(clock.at, ["a"]) == Served(clock.at)
            return
        begun = servings.start_of(clock.at)
        for _ in range(2):
            frozen.count_servings(
                [
                    Serving("a", 2, 3.0, 1, 1, 0.5),
                    Serving("", 1, 1.0),
                    REST.plus(Serving("x", 9, 5.0)),
                ]
            )
        frozen.count_servings([Serving("b", 1, 2.5)])
        assert frozen.servings(clock.at, ["a", "", "nobody"]) == Served(
            begun, 20.5, 3, {"a": Serving("a", 4, 6.0, 2, 2, 1.0), "": Serving("", 2, 2.0)}
        )
        assert frozen.servings(clock.at, []).seconds == 20.5
        clock.move(servings.SPAN.total_seconds())
        frozen.count_servings([Serving("a", 1, 1.0)])
        assert frozen.servings(begun, ["a"]).by_tenant["a"].seconds == 7.0
        assert frozen.servings(clock.at, ["a"]).by_tenant["a"].seconds == 1.0
        clock.move(servings.KEPT.total_seconds())
        frozen.count_servings([Serving("b", 1, 1.0)])
        assert frozen.servings(begun, ["a"]) == Served(begun, 1.0, 1)

    def test_workers_that_give_to_the_same_tenants_at_once_lose_nothing(self, store: Store) -> None:
        if store.is_local:
            return
        errors: list[Exception] = []

        def work(turn: int) -> None:
            try:
                for n in range(5):
                    store.count_servings(
                        [Serving(f"t{(turn + n + each) % 7}", 1, 1.0) for each in range(5)]
                    )
            except Exception as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert store.servings(store.now(), []).seconds == 4 * 5 * 5
