"""What every test shares. The servers are started by tests/settings.py, which is read earlier."""

import signal
import sqlite3
from collections.abc import Generator

import hypothesis
import pytest

from tests import servers
from tests.leftovers import quick_clean_up
from tests.servers import postgresql

__all__ = ["quick_clean_up"]

# How long an example takes depends on the machine; pytest's own timeout bounds the whole test.
hypothesis.settings.register_profile("taskq", deadline=None, print_blob=True)
hypothesis.settings.load_profile("taskq")


# A shell that starts a run in the background has it ignore Ctrl-C, and every process of it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Spare tests what only measurements need: that rows outlive a machine that goes down."""
    is_first_process = not hasattr(config, "workerinput")
    if is_first_process and config.option.markexpr != "benchmark":
        postgresql.spare_the_disk(servers.url_of("postgresql"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"servers: SQLite {sqlite3.sqlite_version}, {servers.describe()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep captured text sendable: xdist's channel breaks on the lone surrogates some tests log."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly, and last, that the browser tests did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(report.nodeid.startswith("tests/browser/") for report in skipped)
    if count:
        terminalreporter.write_line(
            f"NOT RUN: {count} browser tests, for want of Chromium (Debian's package `chromium`). "
            "The pages of the admin were not tried in a browser.",
            yellow=True,
            bold=True,
        )
