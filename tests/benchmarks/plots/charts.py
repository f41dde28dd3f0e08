"""The plots of the guide, each from the series of one figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from tests.benchmarks.medians import medians
from tests.benchmarks.plots.chart import Chart, Line
from tests.benchmarks.plots.kept import Kept
from tests.benchmarks.steps.bounds import STARTS_PER_SECOND
from tests.benchmarks.steps.bounds import STEP as RATE_STEP
from tests.benchmarks.steps.shares import STEP as SHARE_STEP
from tests.benchmarks.steps.shares import WEIGHTS
from tests.benchmarks.turns import FLOOD_JOBS

POINTS = 60
WHERE = "postgresql"

type Series = Mapping[str, list[Any]]


def flood(kept: Kept) -> Chart:
    """Draw how many of the jobs behind a flood had started after what wait."""
    series = _series(kept, "flood")
    return Chart(
        "250 jobs of 50 tenants behind a flood of 10,000",
        _told(kept, "flood", series, "p50_ms", "last_ms"),
        "wait in ms, on a logarithmic scale",
        "started, %",
        [Line(_flooded(kept, name), _cumulative(waits)) for name, waits in series.items()],
        is_log=True,
        y_most=100,
    )


def held(kept: Kept) -> Chart:
    """Draw the waits beside long jobs for several shares."""
    series = _series(kept, "held", WHERE)
    named = {_share(name): waits for name, waits in series.items()}
    return Chart(
        "Waits beside a flood of jobs of 2 s, by TENANT_SHARE",
        _told(kept, "held", series, "p50_ms", "p99_ms"),
        "wait in ms, on a logarithmic scale",
        "started, %",
        [Line(name, _cumulative(named[name])) for name in sorted(named)],
        is_log=True,
        y_most=100,
    )


def weights(kept: Kept) -> Chart:
    """Draw the shares of worker time in half seconds, and what the weights say."""
    name, series = _one(kept, "weights")
    whole, end = sum(WEIGHTS.values()), len(series) * SHARE_STEP
    lines = [
        Line(
            f"weight {weight}",
            [(SHARE_STEP * (at + 0.5), shares[place]) for at, shares in enumerate(series)],
        )
        for place, weight in enumerate(WEIGHTS.values())
    ]
    marks = [
        Line("what the weights say", [(0, 100 * weight / whole), (end, 100 * weight / whole)], True)
        for weight in WEIGHTS.values()
    ]
    return Chart(
        "Share of worker time by weight, in half seconds",
        _told(kept, "weights", {name: series}, *(f"share_{w}" for w in WEIGHTS.values())),
        "seconds",
        "share of worker time, %",
        [*lines, *marks],
    )


def rate(kept: Kept) -> Chart:
    """Draw how many had started in the second before each moment."""
    name, series = _one(kept, "rate")
    end = len(series) * RATE_STEP
    return Chart(
        "Starts of a task with max_rate=200/s, three processes",
        _told(kept, "rate", {name: series}, "used_percent", "most"),
        "seconds",
        "starts in the second before",
        [
            Line("starts", [(at * RATE_STEP, count) for at, count in enumerate(series)]),
            Line("the rate", [(0, STARTS_PER_SECOND), (end, STARTS_PER_SECOND)], True),
        ],
        y_most=1.25 * STARTS_PER_SECOND,
    )


CHARTS: dict[str, Callable[[Kept], Chart]] = {
    "flood": flood,
    "held": held,
    "weights": weights,
    "rate": rate,
}


def _series(kept: Kept, figure: str, kind: str = "") -> Series:
    return {
        name: series
        for (of, name), series in kept.series.items()
        if of == figure and f"/{kind}" in name
    }


def _one(kept: Kept, figure: str) -> tuple[str, list[Any]]:
    """Return the series of one store where several were measured."""
    series = _series(kept, figure)
    return max(series.items(), key=lambda item: WHERE in item[0])


def _told(kept: Kept, figure: str, series: Series, *values: str) -> str:
    """Return the numbers of a chart in words."""
    sentences = []
    for name in series:
        middle = medians(kept.runs[figure, name])
        numbers = ", ".join(f"{value.replace('_', ' ')} {middle[value]:.4g}" for value in values)
        sentences.append(f"{name}: {numbers}.")
    return " ".join(sentences)


def _flooded(kept: Kept, name: str) -> str:
    """Name a peer, and its flood where that was a shorter one."""
    jobs = medians(kept.runs["flood", name])["jobs"]
    return name if jobs == FLOOD_JOBS else f"{name} ({jobs:,.0f})"


def _share(name: str) -> str:
    _, _, how = name.partition(" with")
    return {"": "TENANT_SHARE 0.5", "out a share": "no share"}.get(how, f"TENANT_SHARE{how}")


def _cumulative(waits: list[float]) -> list[tuple[float, float]]:
    """Return steps from (wait, percent) to the next, few enough to draw."""
    every = max(1, len(waits) // POINTS)
    kept = [(wait, 100 * (n + 1) / len(waits)) for n, wait in enumerate(waits)]
    few = [*kept[::every], kept[-1]]
    steps = [((later[0], former[1]), later) for former, later in pairwise(few)]
    return [(few[0][0], 0.0), few[0], *(point for step in steps for point in step)]
