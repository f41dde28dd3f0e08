"""How long a job is given back, from when it was first met by a worker that cannot load it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.jobs import sighting
from django_taskq.jobs.sighting import LONGEST_PAUSE, SHORTEST_PAUSE, Sighting, sight, sighting_in

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def seen(ctx: str | None = None, **values: Any) -> Sighting:
    told: dict[str, Any] = {
        "now": NOW, "grace": 60.0, "starts": 0, "worker_id": "host:1:a", "error": "No module x",
    }  # fmt: skip
    return sight(ctx, **(told | values))


def test_a_first_sighting_is_of_now() -> None:
    assert seen() == Sighting(NOW, later(60), 0, "host:1:a", "No module x")


def test_what_was_kept_is_read_back() -> None:
    ctx = sighting.keep('{"theirs":[1]}', seen(error='quotes " and \u2028'))
    assert sighting_in(ctx) == seen(error='quotes " and \u2028')
    assert sighting.forget(ctx) == '{"theirs":[1]}'


def test_a_later_sighting_counts_from_the_first_and_tells_of_the_last() -> None:
    ctx = sighting.keep(None, seen())
    again = seen(ctx, now=later(7), worker_id="host:2:b", error="No module y")
    assert again == Sighting(NOW, later(60), 0, "host:2:b", "No module y")


def test_a_start_since_then_makes_it_count_anew() -> None:
    ctx = sighting.keep(None, seen())
    assert seen(ctx, now=later(50), starts=1).since == later(50)


def test_a_clock_that_was_set_back_does_not_make_the_grace_longer() -> None:
    ctx = sighting.keep(None, seen(now=later(3600)))
    assert seen(ctx, now=NOW).until == later(60)


def test_the_pause_grows_and_never_reaches_beyond_the_grace() -> None:
    moments, at = [], 0.0
    while (pause := seen().pause(later(at))) is not None:
        moments.append(pause)
        at += pause
    assert at == 60.0
    assert moments[0] == SHORTEST_PAUSE
    assert max(moments) == LONGEST_PAUSE
    assert moments[:-1] == sorted(moments[:-1])
    assert 12 < len(moments) < 20


@pytest.mark.parametrize(("grace", "longest"), [(60.0, 15.0), (400.0, 100.0), (8.0, 5.0)])
def test_in_a_crowd_it_comes_more_seldom_and_yet_several_times(
    grace: float, longest: float
) -> None:
    assert seen(grace=grace).pause(NOW, crowd=3.0) == 3.0
    assert seen(grace=grace).pause(NOW, crowd=1e6) == longest
    assert seen(grace=grace).pause(later(grace - 1), crowd=1e6) == 1.0


@pytest.mark.parametrize("grace", [0.0, 0.25])
def test_a_grace_shorter_than_a_pause_is_kept_to(grace: float) -> None:
    assert seen(grace=grace).pause(NOW) == (grace or None)
    assert seen(grace=grace).pause(later(grace)) is None


@pytest.mark.parametrize(
    "ctx",
    [
        None,
        "{}",
        "[]",
        "nonsense _unloadable_since",
        '{"_unloadable_since":null}',
        '{"_unloadable_since":"2026-11-24"}',
        '{"_unloadable_since":["x","y",0,"",""]}',
        '{"_unloadable_since":["2026-11-24",5,0,"",""]}',
        '["_unloadable_since"]',
    ],
)
def test_what_cannot_be_read_counts_as_none(ctx: str | None) -> None:
    assert sighting_in(ctx) is None
    assert sighting.waiting_reason(ctx) is None
    assert seen(ctx).since == NOW
    assert sighting_in(sighting.keep(ctx, seen())) == seen()
    assert sighting_in(sighting.forget(ctx)) is None


def test_the_sentence_names_the_worker_the_end_and_what_is_missing() -> None:
    assert seen().sentence == (
        "Worker host:1:a could not load it, and gave it back to others until "
        "2026-11-24 12:01:00+00:00: No module x"
    )
