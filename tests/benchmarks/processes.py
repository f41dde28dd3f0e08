"""Processes that are started, watched and ended with all their children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile


class ProcessError(Exception):
    """A process of the benchmark failed."""


def last_words(text: str) -> str:
    """Return the last line that says something: of a traceback, the exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def end(process: subprocess.Popen[bytes], grace: float = 5) -> None:
    """Ask the process and its children to stop, and kill what is left after the grace."""
    try:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    finally:
        # Also when this process is told to stop while it waits.
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class WorkerProcess:
    """A running worker of the peer under measurement."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise if the worker has ended of itself."""
        if self._process.poll() is not None:
            said = last_words(self._log.read_text(errors="replace"))
            raise ProcessError(f"The worker ended with status {self._process.returncode}: {said}")

    def memory(self) -> dict[str, float]:
        """Return the resident and the proportional memory in MB, its children's included."""
        return memory_of(self._family())

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, user and system, its children's included."""
        ticks = 0
        for pid in self._family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _family(self) -> list[int]:
        family = [self.pid]
        for pid in family:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                family += map(int, children.read_text().split())
        return family


def memory_of(pids: Iterable[int]) -> dict[str, float]:
    """Return the resident and the proportional memory of processes in MB."""
    total = {"Rss:": 0, "Pss:": 0}
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) for line in rollup[1:]}
        total = {name: size + sizes[name] for name, size in total.items()}
    return {"rss_mb": total["Rss:"] / 1024, "pss_mb": total["Pss:"] / 1024}


@contextmanager
def worker(name: str, directory: Path) -> Iterator[WorkerProcess]:
    """Run one worker of this peer, in the environment of the present process."""
    log = directory / "worker.log"
    command = [sys.executable, "-m", "tests.benchmarks.worker", name]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield WorkerProcess(process, log)
    finally:
        end(process)


def answer(command: list[str], environment: dict[str, str], seconds: float) -> str:
    """Run a command to its end and return its last line; a failure carries its last words."""
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env=environment, start_new_session=True
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"It took longer than {seconds:g} s.") from None
        finally:
            end(process, grace=15)
        for file in (output, errors):
            file.seek(0)
        if status != 0:
            raise ProcessError(last_words(errors.read().decode(errors="replace")))
        return last_words_of_answer(output.read().decode())


def last_words_of_answer(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]
