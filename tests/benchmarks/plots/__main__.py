"""Draw the plots and fill the tables of docs/fairness.md from the latest results."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from tests.benchmarks import environment, report
from tests.benchmarks.plots.charts import CHARTS
from tests.benchmarks.plots.kept import Kept
from tests.benchmarks.plots.overview import overview
from tests.benchmarks.plots.page import put

DOCS = environment.ROOT / "docs"
PAGE = DOCS / "fairness.md"
FIGURES = (
    "flood", "trickle", "held", "weights", "lengths", "fifo", "crowd", "claims", "cap", "rate",
    "steal",
)  # fmt: skip


def main() -> int:
    """Write what there is; say what is not there and leave its part as it was."""
    if not report.RESULTS.exists():
        sys.stderr.write("There are no results yet: run `make plots`, or `make bench` before.\n")
        return 1
    kept = Kept.load(report.RESULTS)
    measured = {figure for figure, _ in kept.runs}
    about = ", ".join(f"{name} {value}" for name, value in kept.about.items())
    today = f"{datetime.now(UTC):%-d %B %Y}"
    put(PAGE, "about", [f"`make plots`, {today}: {about}."])
    put(PAGE, "overview", overview(kept))
    for figure in FIGURES:
        if figure in measured:
            put(PAGE, figure, report.table(kept, figure))
        else:
            sys.stderr.write(f"{figure} has not been measured; its part stays as it was.\n")
    (DOCS / "plots").mkdir(exist_ok=True)
    for figure, draw in CHARTS.items():
        if any(of == figure for of, _ in kept.series):
            (DOCS / "plots" / f"{figure}.svg").write_text(draw(kept).svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
