"""The table at the end of the demonstration."""

from collections.abc import Sequence

from example_project.demo.counting import TenantFigures

HEADINGS = ("tenant", "jobs", "failed", "wait p50", "wait p99", "jobs/s")


def table(lines: Sequence[TenantFigures]) -> str:
    """Set the figures in columns, the names on the left."""
    rows = [HEADINGS, *(_row(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    rule = "  ".join("-" * width for width in widths)
    told = [_line(row, widths) for row in rows]
    return "\n".join([told[0], rule, *told[1:-1], rule, told[-1]])


def _row(line: TenantFigures) -> tuple[str, ...]:
    return (
        line.tenant,
        f"{line.jobs:,}",
        str(line.failed),
        seconds(line.wait_p50),
        seconds(line.wait_p99),
        "-" if line.per_second is None else f"{line.per_second:,.0f}",
    )


def seconds(value: float | None) -> str:
    """Write a time so that it can be read at a glance."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    return "  ".join(
        [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
        ]
    )
