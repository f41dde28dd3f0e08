"""A refill reads rows while Redis takes those before, and hands out meanwhile."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import DatabaseError
from redis.exceptions import ConnectionError as RedisConnectionError

from django_taskq.jobs.sweeps import LineFull
from django_taskq.models import Job
from django_taskq.stores.durable import sweep as sweeping
from tests.stores.durable.losses import flush, sweep, sweep_newest
from tests.stores.jobs import OTHER, claim, finish, insert_many, join, success
from tests.stores.places import DurablePlace, places_with_both

JOBS = 12
PAGE = 3


@pytest.fixture(params=places_with_both())
def place(request: pytest.FixtureRequest) -> DurablePlace:
    found: DurablePlace = request.param
    return found


@pytest.fixture
def store(place: DurablePlace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store that has lost all of its jobs, and has begun another epoch."""
    monkeypatch.setattr(sweeping, "PAGE", PAGE)
    # As long as it takes: how many pages follow one another does not hang on the machine.
    monkeypatch.setattr(sweeping, "STRETCH", 60.0)
    opened = place.open()
    sweep(opened)
    yield opened
    opened.close()
    threads = [thread.name for thread in threading.enumerate()]
    assert not [name for name in threads if name.startswith("taskq-refill")]


def lose_all(store: Any) -> list[str]:
    ids = insert_many(store, JOBS)
    # So that the newest are known already.
    sweep_newest(store)
    sweep_newest(store)
    flush(store)
    store.epoch.restore()
    return ids


def around(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, before: Callable[[int], None]
) -> None:
    """Have something done before each call of a method; it is told the call's number."""
    call, calls = getattr(owner, name), iter(range(1, 1000))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before(next(calls))
        return call(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


def attempts_of(place: DurablePlace, store: Any) -> set[int]:
    rows = Job.objects.using(place.database).filter(backend=store.alias)
    return set(rows.values_list("attempt", flat=True))


def drain(store: Any) -> list[str]:
    ids: list[str] = []
    while claims := claim(store, 50, OTHER):
        ids += [claimed.id for claimed in claims]
        assert None not in finish(store, *map(success, claims), worker=OTHER)
    return ids


def test_a_page_is_given_while_the_next_one_is_read(
    place: DurablePlace, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = lose_all(store)
    has_read_second = threading.Event()
    waited = []

    def note_read(number: int) -> None:
        if number == 2:
            has_read_second.set()

    def wait_for_read(number: int) -> None:
        if number == 1:
            waited.append(has_read_second.wait(20))

    around(monkeypatch, store.rows.walks, "page", note_read)
    around(monkeypatch, store.line.patient, "give", wait_for_read)
    sweep(store)
    assert waited == [True], "the second page is read before the first one is given"
    assert attempts_of(place, store) == {1}, "nothing is handed over twice"
    join(store, OTHER)
    assert drain(store) == ids


def test_jobs_are_handed_out_while_others_are_not_there_yet(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = lose_all(store)
    join(store, OTHER)
    ran: list[str] = []

    def run(number: int) -> None:
        if number == 3:
            # By now the first page at least is there.
            ran.extend(drain(store))

    around(monkeypatch, store.rows.walks, "stand_down", run)
    store.sweep()
    assert ran == ids[: len(ran)]
    assert PAGE <= len(ran) < JOBS
    sweep(store)
    assert ran + drain(store) == ids


def test_what_fails_while_it_is_given_comes_out_and_is_given_again(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = lose_all(store)

    def fail(number: int) -> None:
        if number == 2:
            raise RedisConnectionError("cut off")

    around(monkeypatch, store.line.patient, "give", fail)
    with pytest.raises(RedisConnectionError):
        store.sweep()
    sweep(store)
    join(store, OTHER)
    assert sorted(drain(store)) == sorted(ids)


def test_a_read_that_fails_waits_for_what_is_given_and_is_done_again(
    place: DurablePlace, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = lose_all(store)
    read_failed = threading.Event()
    given: list[int] = []

    def fail(number: int) -> None:
        if number == 2:
            read_failed.set()
            raise DatabaseError("cut off")

    def note(number: int) -> None:
        read_failed.wait(20)
        given.append(number)

    around(monkeypatch, store.rows.walks, "page", fail)
    around(monkeypatch, store.line.patient, "give", note)
    with pytest.raises(DatabaseError):
        store.sweep()
    assert given == [1], "the thread has ended with what it had begun"
    sweep(store)
    assert attempts_of(place, store) == {1}, "what is there is not handed over again"
    join(store, OTHER)
    assert drain(store) == ids


def test_what_finds_no_room_is_given_once_there_is(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = lose_all(store)
    give, is_full = store.line.patient.give, [True]

    def give_or_not(jobs: Sequence[Any], **kwargs: Any) -> Any:
        if is_full[0]:
            raise LineFull("full")
        return give(jobs, **kwargs)

    monkeypatch.setattr(store.line.patient, "give", give_or_not)
    store.sweep()
    join(store, OTHER)
    assert claim(store, 50, OTHER) == []
    is_full[0] = False
    # This look goes on behind the page that found no room, which is the next one's.
    sweep(store)
    sweep(store)
    assert sorted(drain(store)) == sorted(ids)
