"""A process with a process pool, which used the database before and goes on to use it.

    python -m tests.lifecycle.pool_parent START_METHOD GATE

Two of its threads hold connections while its children are started and do the same.
"""

import sys
import threading

import django
from django.conf import settings
from django.db import connections


def main(method: str, gate: str) -> None:
    settings.TASKS = {
        "default": {
            "BACKEND": "django_taskq.backends.ProcessPoolBackend",
            "OPTIONS": {"MAX_WORKERS": 2, "START_METHOD": method},
        }
    }
    django.setup()
    from django_taskq import wait
    from tests.lifecycle.tasks import hold_connection

    is_over, is_connected = threading.Event(), threading.Event()
    other = threading.Thread(target=_hold, args=(is_connected, is_over))
    other.start()
    is_connected.wait()
    _ask()
    held = [hold_connection.enqueue(gate) for _ in range(2)]
    results = [wait(result, timeout=60) for result in held]
    _ask()
    is_over.set()
    other.join()
    assert {result.return_value for result in results} == {"done"}


def _hold(is_connected: threading.Event, is_over: threading.Event) -> None:
    _ask()
    is_connected.set()
    is_over.wait()
    # The connection of before: a child that had talked on it would have broken it.
    _ask()
    connections["stage"].close()


def _ask() -> None:
    with connections["stage"].cursor() as cursor:
        cursor.execute("SELECT 1")


if __name__ == "__main__":
    main(*sys.argv[1:])
