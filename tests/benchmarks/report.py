"""What was measured, as Markdown to read and as JSON to keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.benchmarks import environment
from tests.benchmarks.columns import COLUMNS, TITLES
from tests.benchmarks.goals import GOALS, Verdict
from tests.benchmarks.medians import Runs, medians, ours_beside, spread
from tests.benchmarks.session import PREPARE, Session

RESULTS = environment.HOME / "results.json"


class Measured(Protocol):
    """What tables are made of: runs, and the reasons why there are none."""

    runs: dict[tuple[str, str], Runs]
    reasons: dict[tuple[str, str], str]


def markdown(session: Session, about: dict[str, str]) -> str:
    """Return all tables of a run."""
    parts = [", ".join(f"{name} {value}" for name, value in about.items())]
    asked = {figure for figure, _ in [*session.runs, *session.reasons]}
    parts += [
        "\n".join([f"### {TITLES[figure]}", "", *table(session, figure)])
        for figure in COLUMNS
        if figure in asked
    ]
    unopened = [
        f"- {name}: {reason}" for (of, name), reason in session.reasons.items() if of == PREPARE
    ]
    if unopened:
        parts.append("\n".join(["### Not measured at all", "", *unopened]))
    verdicts = [verdict for goal in GOALS for verdict in goal.judge(session.runs)]
    if verdicts:
        parts.append("\n".join(["### Goals", "", *_goals(verdicts)]))
    return "\n\n".join(parts) + "\n"


def table(session: Measured, figure: str) -> Iterator[str]:
    """Return the table of one figure."""
    columns = COLUMNS[figure]
    first = next(iter(columns))
    yield "| | " + " | ".join([*columns.values(), "least-greatest", "to ours"]) + " |"
    yield "|---|" + "---:|" * (len(columns) + 2)
    for (of, name), runs in session.runs.items():
        if of == figure:
            middle = medians(runs)
            cells = [number(middle[column]) for column in columns]
            least, greatest = spread(runs, first)
            ours = session.runs.get((figure, ours_beside(name)))
            cells.append(f"{number(least)}-{number(greatest)}")
            cells.append(_ratio(middle[first], medians(ours)[first]) if ours else "")
            yield f"| {name} | " + " | ".join(cells) + " |"
    for (of, name), reason in session.reasons.items():
        if of == figure:
            yield f"| {name} | not measured: {reason} |" + " |" * (len(columns) + 1)


def _goals(verdicts: list[Verdict]) -> Iterator[str]:
    yield "| what | goal | ours | |"
    yield "|---|---:|---:|---|"
    for verdict in verdicts:
        reached = "reached" if verdict.reached else "MISSED"
        goal = f"{verdict.sign} {number(verdict.goal)}"
        yield f"| {verdict.what} | {goal} | {number(verdict.ours)} | {reached} |"


def number(value: float) -> str:
    """Return a number with as many digits as can be read."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float, ours: float) -> str:
    return f"{value / ours:.2f}" if ours else ""


def write_json(session: Session, about: dict[str, str], path: Path) -> None:
    """Keep every single run, not only the medians, beside the figures of earlier runs."""
    kept: dict[str, dict[str, dict[str, object]]] = {}
    for (figure, name), runs in session.runs.items():
        kept.setdefault(figure, {})[name] = {"median": medians(runs), "runs": runs}
        if session.series.get((figure, name)):
            kept[figure][name] |= {"series": session.series[figure, name]}
    for (figure, name), reason in session.reasons.items():
        kept.setdefault(figure, {})[name] = {"not_measured": reason}
    earlier = json.loads(path.read_text())["figures"] if path.exists() else {}
    for figure, names in kept.items():
        earlier[figure] = earlier.get(figure, {}) | names
    path.write_text(json.dumps({"about": about, "figures": earlier}, indent=2) + "\n")
