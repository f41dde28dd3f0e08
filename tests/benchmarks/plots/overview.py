"""All goals about turns in one table, a column for each store."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.goals import GOALS, STORES, Verdict
from tests.benchmarks.plots.kept import Kept
from tests.benchmarks.report import number

WHAT = {
    ("flood", "ratio"): "the last quiet job behind a flood, to bare threads",
    ("trickle", "more_p99_ms"): "p99 beside a flood, more than without, ms",
    ("held", "p99_ms"): "p99 beside jobs of 2 s at `TENANT_SHARE` 0.5, ms",
    ("weights", "off_percent"): "worker time at weights 1, 2, 4, 8: furthest off, %",
    ("lengths", "jain"): "jobs of 1, 10, 100 ms: Jain's index, least of all windows of 10 s",
    ("fifo", "ratio"): "one tenant: fair claim to plain FIFO claim",
    ("crowd", "10,000 tenants to one"): "10,000 tenants of 5 jobs to one of 50,000",
    ("claims", "p99_ms"): "claim of 100 jobs beside 100,000 tenants, p99 ms",
    ("cap", "used_percent"): "`max_running` under three processes: used, %",
    ("cap", "violations"): "and passed, times",
    ("rate", "used_percent"): "`max_rate` under three processes: used, %",
    ("rate", "violations"): "and windows of a second with more",
    ("steal", "longest_ms"): "own tenants run dry: first foreign job, longest ms",
}


def overview(kept: Kept) -> Iterator[str]:
    """Return the lines of the table; what was missed stands in bold."""
    found: dict[tuple[str, str], dict[str, Verdict]] = {}
    for goal in GOALS:
        for verdict in goal.judge(kept.runs):
            figure, kind, value = verdict.what.split(", ", 2)
            found.setdefault((figure, value), {})[kind] = verdict
    yield "| what | goal | PostgreSQL | SQLite | Redis | thread pool |"
    yield "|---|---:|---:|---:|---:|---:|"
    for key, what in WHAT.items():
        verdicts = found.get(key, {})
        if verdicts:
            one = next(iter(verdicts.values()))
            cells = " | ".join(_cell(verdicts.get(kind)) for kind in STORES)
            yield f"| {what} | {one.sign} {one.goal:g} | {cells} |"


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    value = number(verdict.ours)
    return value if verdict.reached else f"**{value}**"
