"""The entry of TASKS whose jobs live in Redis, for the tests that ask for it."""

import os
from typing import Any

REDIS = "redis"
# Has the settings of a process that a test starts contain the entry.
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
