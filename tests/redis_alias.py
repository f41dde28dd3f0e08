"""The entries of TASKS whose jobs are in Redis, for the tests that ask for them."""

import os
from typing import Any

REDIS = "redis"
# The one whose jobs are rows too.
PAIR = "pair"
# Has the settings of a process that a test starts contain the entries.
REDIS_VARIABLE = "TASKQ_RUN_WITH_REDIS"
REDIS_ENTRY: dict[str, Any] = {
    "BACKEND": "django_taskq.backends.RedisBackend",
    "QUEUES": [],
    "OPTIONS": {
        "CACHE": "jobs",
        # Workers of xdist share one server.
        "PREFIX": f"taskq-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}",
        "DURABLE": False,
        "DATABASE": "default",
    },
}
PAIR_ENTRY: dict[str, Any] = {
    **REDIS_ENTRY,
    "OPTIONS": {**REDIS_ENTRY["OPTIONS"], "DURABLE": True, "DATABASE": "postgresql"},
}
ENTRIES = {REDIS: REDIS_ENTRY, PAIR: PAIR_ENTRY}
