"""Medians over the repeats, and how far each stands from ours."""

from __future__ import annotations

from statistics import median

Runs = list[dict[str, float]]


def medians(runs: Runs) -> dict[str, float]:
    """Return the median of every value over the runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def spread(runs: Runs, name: str) -> tuple[float, float]:
    """Return the least and the greatest of a value."""
    values = [run[name] for run in runs]
    return min(values), max(values)


def kind_of(name: str) -> str:
    """Return the kind of database a peer's name ends with."""
    return name.partition(" ")[0].rpartition("/")[2]


def ours_beside(name: str) -> str:
    """Return our own name on the same kind of database."""
    return f"ours/{kind_of(name)}"
