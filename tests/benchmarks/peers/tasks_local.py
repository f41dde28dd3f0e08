"""django-tasks-local: pools of concurrent.futures with results in a dict."""

from __future__ import annotations

import os

from tests.benchmarks.peers.base import THREADS
from tests.benchmarks.peers.pool_peer import MAX_RESULTS, PROCESSES, PoolPeer


class TasksLocalPeer(PoolPeer):
    settings = {
        "INSTALLED_APPS": [],
        "TASKS": {
            "default": {
                "BACKEND": "django_tasks_local.ThreadPoolBackend",
                "OPTIONS": {
                    "MAX_WORKERS": int(os.environ.get(THREADS, "10")),
                    "MAX_RESULTS": MAX_RESULTS,
                },
            }
        },
    }


class TasksLocalProcessPeer(PoolPeer):
    settings = {
        "INSTALLED_APPS": [],
        "TASKS": {
            "default": {
                "BACKEND": "django_tasks_local.ProcessPoolBackend",
                "OPTIONS": {"MAX_WORKERS": PROCESSES, "MAX_RESULTS": MAX_RESULTS},
            }
        },
    }


PEERS = {"memory": TasksLocalPeer, "processes": TasksLocalProcessPeer}
