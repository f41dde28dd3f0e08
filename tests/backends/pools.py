"""Pools of a test's own, and the processes that a process pool holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from django.test import override_settings

from tests.deadlines import wait_until


def process_pool(**options: Any) -> dict[str, Any]:
    """Return a TASKS entry of a process pool with two workers, unless told otherwise."""
    return {
        "BACKEND": "django_taskq.backends.ProcessPoolBackend",
        "QUEUES": [],
        "OPTIONS": {"MAX_WORKERS": 2, **options},
    }


def thread_pool(**options: Any) -> dict[str, Any]:
    """Return a TASKS entry of a thread pool."""
    return {
        "BACKEND": "django_taskq.backends.ThreadPoolBackend",
        "QUEUES": [],
        "OPTIONS": options,
    }


@contextmanager
def pools(**entries: dict[str, Any]) -> Iterator[None]:
    """Have these entries in TASKS for a while, beside a default one."""
    with override_settings(TASKS={"default": thread_pool(), **entries}):
        yield


def is_running(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(*pids: int, timeout: float = 10.0) -> None:
    """Wait until none of these processes is there any more, as a zombie neither."""
    wait_until(
        lambda: not any(psutil.pid_exists(pid) for pid in pids),
        timeout=timeout,
        what=f"the processes {pids} to be gone",
    )
