"""Unfinished jobs added up by what a reader asks for."""

from django_taskq.jobs.depths import Depth, depth_of, depths
from django_taskq.jobs.insights import LaneCount

LANES = (
    LaneCount("mail", "acme", "READY", 3),
    LaneCount("mail", "acme", "RUNNING", 2),
    LaneCount("mail", "globex", "SCHEDULED", 5),
    LaneCount("sms", "acme", "DEFERRED", 7),
)


def test_counts_with_the_same_key_are_added_up() -> None:
    assert depths(LANES, lambda lane: lane.tenant) == {
        "acme": Depth(ready=3, deferred=7, running=2),
        "globex": Depth(scheduled=5),
    }
    assert depths(LANES, lambda lane: lane.queue)["mail"] == Depth(3, 5, 0, 2)


def test_all_together_are_one_depth() -> None:
    assert depth_of(LANES) == Depth(3, 5, 7, 2)
    assert depth_of(()) == Depth()


def test_what_runs_does_not_wait() -> None:
    assert depth_of(LANES).waiting == 15


def test_a_state_of_a_later_release_is_left_out() -> None:
    assert depth_of((LaneCount("mail", "acme", "PONDERING", 9),)) == Depth()
