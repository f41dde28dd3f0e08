"""Named gates that a test and its tasks share, in whatever process these run: files."""

import asyncio
import os
import threading
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from tests.servers.process import run_directory

LONGEST_WAIT = 20.0
LOOK_EVERY = 0.002


def open_gate(name: str) -> None:
    """Let everybody through who waits at the gate, now and later."""
    _file(name).touch()


def is_open(name: str) -> bool:
    """Tell whether the gate was opened."""
    return _file(name).exists()


def reach(name: str) -> None:
    """Tell that somebody has come to the gate."""
    open_gate(f"{name} reached")


def is_reached(name: str) -> bool:
    """Tell whether somebody has come to the gate."""
    return is_open(f"{name} reached")


def pass_gate(name: str) -> None:
    """Tell that the gate was reached, and wait until it is open."""
    reach(name)
    deadline = perf_counter() + LONGEST_WAIT
    pause = threading.Event()
    while not is_open(name):
        if perf_counter() > deadline:
            raise AssertionError(f"Nobody opened the gate {name!r} within {LONGEST_WAIT:g} s.")
        pause.wait(LOOK_EVERY)


async def apass_gate(name: str) -> None:
    """Tell that the gate was reached, and wait without blocking until it is open."""
    await asyncio.to_thread(pass_gate, name)


def shared_file(kind: str, name: str) -> Path:
    """Return the file of a name, the same one in every process of this test."""
    return _directory(kind) / sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _file(name: str) -> Path:
    return shared_file("gates", name)


@cache
def _directory(kind: str) -> Path:
    # Tests of two workers of xdist may use the same names.
    directory = run_directory() / f"{kind}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    directory.mkdir(exist_ok=True)
    return directory
