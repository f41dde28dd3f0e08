"""Serving a sleeping worker in the thread of whoever makes jobs ready."""

import threading

from django_taskq.control import store_of
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.worker.doorbell import Doorbell
from tests.deadlines import wait_until
from tests.stores.jobs import Thread
from tests.worker import tasks
from tests.worker.conftest import StartWorker


class Desk:
    """Takes in what there is, and tells in which threads it was asked to."""

    def __init__(self, *, is_enough: bool = True) -> None:
        self.is_enough = is_enough
        self.asked_in: list[threading.Thread] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def take_in(self) -> bool:
        self.asked_in.append(threading.current_thread())
        self.may_end.wait(10)
        return self.is_enough


def test_a_caller_serves_a_sleeping_worker_in_his_own_thread() -> None:
    desk = Desk()
    doorbell = Doorbell(desk.take_in)
    with doorbell.asleep():
        doorbell.ring()

    assert desk.asked_in == [threading.current_thread()]
    assert not doorbell.is_set()


def test_a_worker_is_woken_for_what_its_caller_leaves() -> None:
    desk = Desk(is_enough=False)
    doorbell = Doorbell(desk.take_in)
    with doorbell.asleep():
        doorbell.ring()

    assert doorbell.is_set()


def test_a_worker_that_is_awake_is_left_to_serve_itself() -> None:
    desk = Desk()
    doorbell = Doorbell(desk.take_in)
    with doorbell.asleep():
        pass
    doorbell.ring()

    assert desk.asked_in == []
    assert doorbell.is_set()


def test_one_caller_serves_and_the_others_wake_the_worker() -> None:
    desk = Desk()
    desk.may_end.clear()
    doorbell = Doorbell(desk.take_in)
    with doorbell.asleep():
        first = Thread(doorbell.ring)
        wait_until(lambda: desk.asked_in, what="the first caller")
        doorbell.ring()
        assert doorbell.is_set()
        assert len(desk.asked_in) == 1
        desk.may_end.set()
        first.result()


def test_a_worker_goes_on_only_when_its_caller_is_done() -> None:
    desk = Desk()
    desk.may_end.clear()
    doorbell = Doorbell(desk.take_in)
    is_awake = threading.Event()

    def sleep() -> None:
        with doorbell.asleep():
            wait_until(lambda: desk.asked_in, what="the caller")
        is_awake.set()

    sleeper = Thread(sleep)
    wait_until(lambda: doorbell.is_asleep, what="the worker's sleep")
    caller = Thread(doorbell.ring)
    assert not is_awake.wait(0.05)
    desk.may_end.set()
    caller.result()
    sleeper.result()
    assert is_awake.is_set()


def test_a_job_of_an_idle_pool_is_claimed_when_its_insert_returns(
    start_worker: StartWorker,
) -> None:
    store = store_of("threads")
    worker = start_worker("threads", poll_interval=30.0).worker
    for number in range(20):
        wait_until(lambda: worker._wakeup.is_asleep, what="an idle worker")
        id = new_id()
        store.insert([JobSpec(id, tasks.remember.module_path, args=f"[{number}]")])

        assert store.get([id])[0].state is not State.READY
        assert store.wait_ended([id], 10)
    assert sorted(tasks.SEEN) == list(range(20))


def test_a_pool_takes_in_more_jobs_than_there_is_room_for(start_worker: StartWorker) -> None:
    store = store_of("threads")
    worker = start_worker("threads", poll_interval=30.0).worker
    wait_until(lambda: worker._wakeup.is_asleep, what="an idle worker")
    ids = [new_id() for _ in range(2_000)]
    store.insert([JobSpec(id, tasks.remember.module_path, args="[1]") for id in ids])

    assert store.wait_ended(ids, 20)
    assert len(tasks.SEEN) == 2_000
