"""Real workers: started, signaled, and gone with the test whatever happens to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.deadlines import wait_until
from tests.lifecycle.stage import Stage
from tests.servers import ROOT
from tests.servers.process import HERE

START_TIMEOUT = 40.0
STOP_TIMEOUT = 40.0
LONGEST_SHOWN = 20_000


class RealWorker:
    """One `runworker`, a supervisor and its children, with its log in a file.

    It is a process group of its own. What happens to the host happens to the group; signals that
    ask for a stop go to the supervisor alone.
    """

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The id of the supervisor's process."""
        return self.process.pid

    @property
    def children(self) -> list[int]:
        """The ids of the processes that run jobs, the latest last."""
        try:
            found = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in sorted(found, key=lambda child: child.create_time())]

    @property
    def child(self) -> int:
        """The id of the one process that runs jobs."""
        (pid,) = self.children
        return pid

    @property
    def log(self) -> str:
        """What the process has said so far."""
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def wait_working(self) -> None:
        """Wait until the worker has joined its store."""
        self.wait_for_log(" works 'default'", timeout=START_TIMEOUT)

    def wait_for_log(self, text: str, *, timeout: float = 30.0) -> None:
        """Wait until the log holds a text; fail at once when the process has ended without it."""

        def is_told() -> bool:
            has_ended = not self.is_running
            if text in self.log:
                return True
            assert not has_ended, f"{self.name} ended before it said {text!r}:\n{self.log}"
            return False

        wait_until(is_told, timeout=timeout, what=f"{self.name} to say {text!r}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End all its processes by SIGKILL, as the loss of a host would, and wait for the end."""
        children = self.children
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT)
        wait_until(lambda: not any(map(is_there, children)), what=f"{self.name} to be gone")

    def freeze(self) -> None:
        """Stop all its processes by SIGSTOP and wait until they stand still."""
        pids = [self.pid, *self.children]
        os.killpg(self.pid, signal.SIGSTOP)
        wait_until(
            lambda: all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids),
            what=f"{self.name} to stand still",
        )

    def freeze_holding(self, stage: Stage) -> None:
        """Stop all its processes at a moment in which jobs run under its name."""
        worker_id = stage.worker_of(self.pid).id

        def is_holding() -> bool:
            self.freeze()
            # More than what it may have sent the end of already.
            if len(stage.store.held(worker_id)) >= 4:
                return True
            self.thaw()
            return False

        wait_until(is_holding, timeout=30, what=f"{self.name} to hold jobs")

    def thaw(self) -> None:
        """Let frozen processes go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def stop(self, timeout: float = STOP_TIMEOUT) -> int:
        """Ask the process to stop by SIGTERM; return its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Wait for the end of the process; return its exit status."""
        return self.process.wait(timeout)


class Workers:
    """The processes of one test."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.started: list[RealWorker] = []

    def start(
        self,
        *arguments: str,
        database: dict[str, object] | None = None,
        program: tuple[str, ...] = ("django", "runworker"),
        environment: Mapping[str, str] | None = None,
    ) -> RealWorker:
        """Start a process that works the stage; `database` leads it another way to the data."""
        name = f"{program[-1]}-{len(self.started) + 1}"
        log = self.stage.path(f"{name}.log")
        command = [sys.executable, "-m", *program, *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                _ending_with_this_process(command),
                cwd=ROOT,
                env=self.stage.environment(database) | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = RealWorker(name, process, log)
        self.started.append(worker)
        return worker

    def start_working(self, *arguments: str, **options: object) -> RealWorker:
        """Start a process and wait until it has joined."""
        worker = self.start(*arguments, **options)  # type: ignore[arg-type]
        worker.wait_working()
        return worker

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self.started:
            # The group may outlive its first process.
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.process.wait(STOP_TIMEOUT)

    def logs(self) -> list[tuple[str, str]]:
        """Return the name and the end of the log of each process."""
        return [(worker.name, worker.log[-LONGEST_SHOWN:]) for worker in self.started]


def is_there(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _ending_with_this_process(command: list[str]) -> list[str]:
    launcher = [sys.executable, "-I", "-S", HERE / "launch.py", os.getpid(), 0, int(signal.SIGKILL)]
    return [*map(str, launcher), *command]
