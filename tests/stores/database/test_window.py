"""Which lanes a look shows, in which order and with which gates."""

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.rules import Rules, TenantRule
from django_taskq.stores.database.closings import Closings
from django_taskq.stores.database.limited import LimitedTake, LimitedVisit
from django_taskq.stores.database.turns import Turns, Visit
from django_taskq.stores.database.window import (
    PLAIN,
    Look,
    Rings,
    Triple,
    rings_of,
    window_of,
    within_room,
)

NOTHING: frozenset[str] = frozenset()


def look(turns: Turns | None = None, most: int = 3, most_gated: int = 3) -> Look:
    """Return a look of small windows."""
    return Look(turns or Turns(), None, NOTHING, NOTHING, NOTHING, most, most_gated)


def lane(tenant: str, queue: str = "q", band: int = 1) -> Lane:
    """Return a lane of a queue."""
    return Lane(queue, band, tenant)


def standing_at(tenant: str) -> Turns:
    """Return the turns of a worker that served this tenant last."""
    turns = Turns()
    turns.move_to(lane(tenant))
    return turns


def test_a_lane_has_the_gates_of_all_rings_that_show_it() -> None:
    found = [Rings("q", 1, ["a", "b"], {"g": ["b", "c"], "f": ["b"]})]

    window = window_of(found, look())
    assert window.lanes == {
        lane("a"): PLAIN,
        lane("b"): (NO_GATE, "f", "g"),
        lane("c"): ("g",),
    }
    assert not window.is_cut


def test_lanes_behind_gates_stand_among_the_others_in_the_order_of_the_ring() -> None:
    found = [Rings("q", 1, ["c", "a"], {"g": ["d", "b"]})]

    window = window_of(found, look(standing_at("b")))
    assert [lane.tenant for lane in window.lanes] == ["c", "d", "a", "b"]


def test_where_the_plain_ring_was_cut_short_others_may_have_plain_jobs_too() -> None:
    found = [Rings("q", 1, ["a", "b", "c"], {"g": ["b", "x"]})]

    window = window_of(found, look())
    assert window.is_cut
    assert window.lanes[lane("b")] == (NO_GATE, "g")
    assert window.lanes[lane("x")] == (NO_GATE, "g")
    assert not window_of(found, look(most=4)).is_cut


def test_gates_are_told_as_far_as_each_ring_goes() -> None:
    gated = {"f": ["a", "b", "c"], "g": ["d", "e", "f"]}
    window = window_of([Rings("q", 1, ["d"], gated)], look())

    assert window.is_cut
    assert window.lanes == {
        lane("a"): ("f",),
        lane("b"): ("f",),
        lane("c"): ("f",),
        lane("d"): PLAIN,
    }


def test_each_band_has_a_window_of_its_own() -> None:
    found = [Rings("q", 0, ["a", "b"], {}), Rings("q", 1, ["a", "b"], {})]

    window = window_of(found, look())
    assert len(window.lanes) == 4
    assert not window.is_cut
    assert window_of([*found, Rings("r", 1, ["a"], {})], look()).is_cut


def test_rows_become_rings_in_serving_order() -> None:
    turns = standing_at("b")
    rows = [("q", 1, "", "c"), ("r", 1, "", "a"), ("q", 0, "g", "a"), ("q", 1, "", "a")]

    assert rings_of(rows, look(turns)) == [
        Rings("q", 0, [], {"g": ["a"]}),
        Rings("r", 1, ["a"], {}),
        Rings("q", 1, ["c", "a"], {}),
    ]


def test_gates_of_queues_behind_a_full_band_wait_for_their_turn() -> None:
    plain = [("a", 1, "", "t1"), ("a", 1, "", "t2"), ("b", 1, "", "t1")]
    gated = [Triple("a", 1, "g"), Triple("b", 1, "g"), Triple("c", 1, "g"), Triple("c", 0, "g")]

    assert set(within_room(gated, plain, look())) == {*gated[:2], gated[3]}
    assert set(within_room(gated, plain, look(most=2))) == {gated[0], gated[3]}


def closed(visits: list[LimitedVisit], *pairs: tuple[Lane, str], rules: Rules) -> Closings:
    """Return what is known after visits that gave nothing."""
    closings = Closings(rules)
    closings.note_limited(visits, LimitedTake([], frozenset(pairs), None), {})
    return closings


def test_a_gate_that_lets_nobody_through_is_closed_to_all() -> None:
    a, b = lane("a"), lane("b")
    closings = closed([LimitedVisit(a, (NO_GATE, "t"), 1)], (a, "t"), rules=Rules())

    assert closings.gates == {"t"}
    assert closings.open_gates(a, (NO_GATE, "t")) == (NO_GATE,)
    assert closings.open_gates(b, ("t", "u")) == ("u",)


def test_a_tenant_at_its_cap_closes_its_own_lanes_alone() -> None:
    a, b = lane("a"), lane("b")
    rules = Rules({"a": TenantRule(max_running=1)})
    closings = closed([LimitedVisit(a, (NO_GATE, "t"), 1)], (a, "t"), (a, NO_GATE), rules=rules)

    assert closings.gates == NOTHING
    assert closings.open_gates(a, (NO_GATE, "t")) == ()
    assert closings.open_gates(b, ("t",)) == ("t",)


def test_a_lane_that_gave_less_than_its_share_is_spent() -> None:
    a, b, c = lane("a"), lane("b"), lane("c")
    closings = closed([LimitedVisit(c, ("t",), 2)], rules=Rules())
    closings.note([Visit(a, 2), Visit(b, 2)], {a: 1, b: 2})

    assert closings.open_gates(a, PLAIN) == ()
    assert closings.open_gates(b, PLAIN) == PLAIN
    assert closings.open_gates(c, ("t",)) == ()
