"""Measure and print: ``python -m tests.benchmarks [FIGURE ...] [--only PEER,...]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from time import monotonic

from tests.benchmarks import environment, report, turns
from tests.benchmarks.figures import FIGURES
from tests.benchmarks.peers import ENTRIES, Entry
from tests.benchmarks.session import session

FAIRNESS = "fairness"


def main() -> int:
    """Make the environment if need be, measure what was asked for, report."""
    options = _options()
    try:
        if not environment.ready():
            environment.make(_say)
    except environment.UnusableEnvironment as error:
        _say(str(error))
        return 1
    begin = monotonic()
    with session(_chosen(options.only), options.repeats, options.jobs, _say) as run:
        about = _about(options) | run.databases.describe()
        for name in _figures(options.figures):
            FIGURES[name](run)
        about["seconds"] = f"{monotonic() - begin:.0f}"
        report.write_json(run, about, report.RESULTS)
        sys.stdout.write(report.markdown(run, about))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help=", ".join([*FIGURES, FAIRNESS])
    )
    parser.add_argument("--only", default="", help="peers whose names contain one of these, a,b")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=20_000, help="of a full drain")
    options = parser.parse_args()
    unknown = set(options.figures) - set(FIGURES) - {FAIRNESS}
    if unknown:
        parser.error(f"Expected figures among {', '.join(FIGURES)}, got {', '.join(unknown)}.")
    if not _chosen(options.only):
        names = ", ".join(entry.name for entry in ENTRIES)
        parser.error(f"Expected --only to name some of {names}, got {options.only}.")
    return options


def _figures(asked: list[str]) -> list[str]:
    """Return the names asked for; without any, all but those about turns, which have a name."""
    names = [n for name in asked for n in (turns.FIGURES if name == FAIRNESS else [name])]
    return names or [name for name in FIGURES if name not in turns.FIGURES]


def _chosen(only: str) -> tuple[Entry, ...]:
    words = [word for word in only.split(",") if word]
    return tuple(
        entry for entry in ENTRIES if not words or any(word in entry.name for word in words)
    )


def _about(options: argparse.Namespace) -> dict[str, str]:
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "machine": platform.machine(),
        **environment.versions(sorted({entry.distribution for entry in ENTRIES})),
        "repeats": str(options.repeats),
        "jobs": str(options.jobs),
    }


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped before the end; nothing was written.")
