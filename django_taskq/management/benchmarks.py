"""Benchmarks on the command line: what is asked for, and how a report is printed."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django_taskq.benchmark.report import Delays, Load, Rate, Report
from django_taskq.management import arguments, tables

LARGEST_PAYLOAD = 10_000_000
_WHAT = {
    "enqueue": "enqueue() one by one",
    "enqueue_many": "enqueue_many()",
    "drain": "first start to last result",
    "round_trip": "SELECT 1 to the database",
    "start": "commit to start, idle worker",
    "result": "commit to result in hand",
}


def add_load(parser: ArgumentParser) -> None:
    """Let the caller say what to measure, how much of it, and where to write the report."""
    usual = Load()
    parser.add_argument(
        "--backend", metavar="ALIAS", help="An alias in TASKS. Default: the first durable one."
    )
    parser.add_argument(
        "--jobs", type=arguments.whole_number(1), default=usual.jobs, metavar="N",
        help="Jobs to enqueue at once; a tenth of that one by one, too (10000).",
    )  # fmt: skip
    parser.add_argument(
        "--processes", type=arguments.whole_number(1, 256), default=usual.processes, metavar="N",
        help="Worker processes (1).",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=arguments.whole_number(1, 1000), default=usual.threads, metavar="N",
        help="Threads of each worker process (10).",
    )  # fmt: skip
    parser.add_argument(
        "--payload", type=arguments.whole_number(0, LARGEST_PAYLOAD), default=usual.payload,
        metavar="BYTES", help="Size of the argument of each job (0).",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=_file, metavar="FILE", help="Write the report there as JSON too."
    )
    arguments.add_format(parser)


def load_of(options: dict[str, Any]) -> Load:
    """Return the load that a command line asks for."""
    return Load(**{name: options[name] for name in Load._fields})


def value_of(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it; delays are in milliseconds."""
    return {
        "date": report.date,
        "backend": report.backend,
        "options": report.load._asdict(),
        "database": report.database._asdict(),
        "versions": report.versions,
        "surroundings": report.surroundings,
        "figures": {name: _figure(value) for name, value in report.figures._asdict().items()},
    }


def text_of(report: Report) -> str:
    """Return a report for people to read."""
    found = report.figures._asdict()
    rates = [
        (_WHAT[name], f"{rate.jobs:,}", f"{rate.seconds:.2f}", f"{rate.per_second:,.0f}")
        for name, rate in found.items()
        if isinstance(rate, Rate)
    ]
    delays = [
        (_WHAT[name], delay.samples, f"{delay.p50 * 1000:.3f}", f"{delay.p99 * 1000:.3f}")
        for name, delay in found.items()
        if isinstance(delay, Delays)
    ]
    return "\n\n".join(
        (
            tables.fields(_about(report)),
            tables.table(("throughput", "jobs", "seconds", "jobs/s"), rates),
            tables.table(("delay", "samples", "p50 ms", "p99 ms"), delays),
        )
    )


def _about(report: Report) -> Iterable[tuple[str, Any]]:
    database, load = report.database, report.load
    yield "backend", report.backend
    yield "database", f"{database.product} {database.version} ({database.alias})"
    yield from ((name, value) for name, value in database.settings.items())
    yield "worker", f"{load.processes} x {load.threads} threads"
    yield "payload", f"{load.payload:,} bytes"
    yield from report.surroundings.items()
    yield (
        "versions",
        ", ".join(
            f"{name} {number}"
            for name, number in report.versions.items()
            if name != database.product
        ),
    )


def _figure(value: Rate | Delays) -> dict[str, Any]:
    if isinstance(value, Rate):
        return {**value._asdict(), "per_second": value.per_second}
    return {"samples": value.samples, "p50_ms": value.p50 * 1000, "p99_ms": value.p99 * 1000}


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ArgumentTypeError(f"expected a file in a directory that exists, got {text!r}")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ArgumentTypeError(f"expected a file that can be written, got {text!r}")
    return path
