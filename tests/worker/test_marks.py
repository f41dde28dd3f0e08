"""What a child has started is known to others, also after its death."""

import multiprocessing
import os
import signal
from time import monotonic
from typing import Any

import pytest

from django_taskq.jobs.fence import Fence
from django_taskq.worker.marks import LONGEST_ID, NoMarks, SharedMarks
from tests.worker.claims import claim_of

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture
def shared() -> SharedMarks:
    return SharedMarks(multiprocessing.get_context("fork"), 2, 8)


def test_a_mark_stands_until_the_function_has_ended(shared: SharedMarks) -> None:
    marks, claim = shared.of(1), claim_of(seq=2**40, attempt=3)
    number = marks.start(claim, deadline=7.5)

    (mark,) = shared.started()
    assert mark == (1, Fence(2**40, 3), 7.5, claim.id)

    marks.end(number)
    assert shared.started() == []


def test_marks_are_used_again_and_never_run_out_for_good(shared: SharedMarks) -> None:
    marks = shared.of(0)
    for seq in range(1, 50):
        marks.end(marks.start(claim_of(seq=seq)))
    numbers = [marks.start(claim_of(seq=seq)) for seq in range(1, 6)]
    assert numbers[4] == -1
    assert {mark.fence.seq for mark in shared.started()} == {1, 2, 3, 4}
    for number in numbers:
        marks.end(number)
    assert shared.started() == []


def test_workers_of_one_child_do_not_share_marks(shared: SharedMarks) -> None:
    shared.of(0).start(claim_of(seq=1))
    shared.of(1).start(claim_of(seq=1))
    assert {mark.place for mark in shared.started()} == {0, 1}


def test_a_lease_tells_its_worker_and_when_it_was_renewed(shared: SharedMarks) -> None:
    assert [lease.worker_id for lease in shared.leases()] == ["", ""]
    before = monotonic()
    shared.of(1).renew("höst:7:ab")
    lease = shared.lease(1)
    assert lease.worker_id == "höst:7:ab"
    assert before <= lease.renewed <= monotonic()
    assert lease.kept == 0.0


def test_a_lease_kept_by_somebody_else_is_seen_until_the_worker_joins_anew(
    shared: SharedMarks,
) -> None:
    marks = shared.of(0)
    marks.renew("a")
    shared.keep(0)
    assert marks.kept() > 0.0
    marks.renew("a")
    assert marks.kept() > 0.0
    marks.renew("b")
    assert (shared.lease(0).worker_id, marks.kept()) == ("b", 0.0)


def test_the_longest_worker_id_fits(shared: SharedMarks) -> None:
    longest = "\U0001f600" * (LONGEST_ID // 4)
    shared.of(0).renew(longest)
    assert shared.lease(0).worker_id == longest


def _start_and_die(shared: SharedMarks, fields: dict[str, Any]) -> None:
    marks = shared.of(0)
    marks.renew("child")
    marks.start(claim_of(**fields))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_marks_outlive_the_process_that_made_them(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    shared = SharedMarks(context, 1, 4)
    child = context.Process(target=_start_and_die, args=(shared, {"seq": 5, "attempt": 2}))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    assert [mark.fence for mark in shared.started()] == [Fence(5, 2)]
    assert shared.lease(0).worker_id == "child"


def test_a_worker_that_nobody_supervises_marks_nothing() -> None:
    marks = NoMarks()
    marks.end(marks.start(claim_of()))
    marks.renew("a")
    assert marks.kept() == 0.0
