"""django_taskq itself, from the working tree: its backends, each on what it is made for."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.utils.module_loading import import_string

from tests.benchmarks.naps import tenant
from tests.benchmarks.peers.django_peer import DjangoPeer
from tests.benchmarks.peers.pool_peer import MAX_RESULTS, PROCESSES, PoolPeer
from tests.benchmarks.tally import VARIABLE

WAIT = "django_taskq.wait"
PROCESSES_ASKED = "BENCHMARK_PROCESSES"
OPTIONS = "BENCHMARK_OPTIONS"
"""OPTIONS of the backend, as JSON."""
WORKER = "BENCHMARK_WORKER"
"""Arguments of `runworker`, as on a command line."""
ROWS = "BENCHMARK_ROWS"
"""Set where a pool needs a database for what is said of tenants."""


class OurPeer(DjangoPeer):
    """What our backends share: options that a step asks for, and jobs of tenants."""

    def open(self) -> None:
        asked = json.loads(os.environ.get(OPTIONS, "{}"))
        for backend in self.settings["TASKS"].values():
            backend["OPTIONS"] = {**backend.get("OPTIONS", {}), **asked}
        super().open()

    def nap(self, who: int, seconds: float) -> None:
        self._nap_of(who).enqueue(who, seconds)

    def nap_many(self, naps: Iterable[tuple[int, float]], kind: str = "noop.nap") -> None:
        """Enqueue in one call; `kind` names the task by module and name."""
        known: dict[int, Any] = {}
        calls = []
        for who, seconds in naps:
            if who not in known:
                known[who] = self._nap_of(who, kind)
            calls.append(known[who].s(who, seconds))
        calls[0].task.enqueue_many(calls)

    def enqueue_tenants(self, tenants: int, count: int) -> None:
        """Enqueue so many jobs that do nothing, of so many tenants in turn, in one call."""
        tasks = [self.noop.using(tenant=tenant(who)) for who in range(tenants)]
        self.noop.enqueue_many([tasks[n % tenants].s("") for n in range(count)])

    def weigh(self, weights: dict[int, int]) -> None:
        """Give tenants their weights, as an operator would."""
        rows = apps.get_model("django_taskq", "Tenant").objects
        for who, weight in weights.items():
            rows.create(name=tenant(who), weight=weight)

    @staticmethod
    def _nap_of(who: int, kind: str = "noop.nap") -> Any:
        return import_string(f"tests.benchmarks.{kind}").using(tenant=tenant(who))


class OurDatabasePeer(OurPeer):
    """Default options; `wait` is woken where the database can wake."""

    settings = {
        "INSTALLED_APPS": ["django_taskq"],
        "TASKS": {"default": {"BACKEND": "django_taskq.backends.DatabaseBackend"}},
    }

    def enqueue_many(self, count: int, payload: str = "") -> None:
        self.noop.enqueue_many([((payload,), {})] * count)

    def enqueue_ids(self, count: int) -> list[str]:
        """Enqueue jobs that do nothing in one call; return their ids."""
        return [result.id for result in self.noop.enqueue_many([(("",), {})] * count)]

    def cancel(self, ids: list[str]) -> int:
        """Cancel jobs in one call; return how many were."""
        changes = import_string("django_taskq.control.cancel_many")(ids)
        return sum(change.before != change.after for change in changes)

    def finished(self, total: int) -> int:
        """Count what is not finished: that stays quick beside a million finished rows."""
        jobs = apps.get_model("django_taskq", "Job").objects
        ready = jobs.filter(state="READY", is_parked=False).count()
        return total - int(ready + jobs.filter(state="RUNNING").count())

    def wait(self, handle: Any) -> None:
        import_string(WAIT)(handle, timeout=30)

    def enqueue_computing(self, count: int) -> None:
        """Enqueue jobs that compute."""
        import_module("tests.benchmarks.noop").compute.enqueue_many([((), {})] * count)

    def workers(self) -> int:
        """Return how many workers have joined."""
        return int(apps.get_model("django_taskq", "Worker").objects.count())

    def work(self) -> None:
        call_command(
            "runworker",
            *shlex.split(os.environ.get(WORKER, "")),
            verbosity=0,
            processes=int(os.environ.get(PROCESSES_ASKED, "1")),
        )


class OurRedisPeer(OurDatabasePeer):
    """Jobs in Redis alone until they end; the rows of ended ones go to SQLite."""

    settings = {
        "INSTALLED_APPS": ["django_taskq"],
        "CACHES": {"default": {"BACKEND": "django_redis.cache.RedisCache"}},
        "TASKS": {
            "default": {
                "BACKEND": "django_taskq.backends.RedisBackend",
                "OPTIONS": {"DURABLE": False},
            }
        },
    }

    def open(self) -> None:
        where = f"redis://{self.place.host}:{self.place.port}/0"
        self.settings["CACHES"]["default"]["LOCATION"] = where
        super().open()

    def finished(self, total: int) -> int:
        lanes = self._insights().lanes
        return total - sum(lane.count for lane in lanes if lane.state in {"READY", "RUNNING"})

    def workers(self) -> int:
        return len(self._insights().workers)

    @staticmethod
    def _insights() -> Any:
        return import_string("django_taskq.control.store_of")("default").insights()


class OurPoolPeer(OurPeer, PoolPeer):
    """As many threads as django-tasks-local has."""

    settings = {
        "INSTALLED_APPS": ["django_taskq"],
        "TASKS": {
            "default": {
                "BACKEND": "django_taskq.backends.ThreadPoolBackend",
                "OPTIONS": {"MAX_WORKERS": 10, "MAX_RESULTS": MAX_RESULTS},
            }
        },
    }

    def open(self) -> None:
        if ROWS in os.environ:
            file = Path(os.environ[VARIABLE]).with_name("rows.sqlite3")
            self.place = replace(self.place, name=str(file))
        super().open()

    def weigh(self, weights: dict[int, int]) -> None:
        call_command("migrate", verbosity=0)
        super().weigh(weights)

    def enqueue_many(self, count: int, payload: str = "") -> None:
        self._results = self.noop.enqueue_many([((payload,), {})] * count)

    def wait(self, handle: Any) -> None:
        import_string(WAIT)(handle, timeout=30)


class OurProcessPoolPeer(OurPoolPeer):
    """As many processes as django-tasks-local has; forked, for want of a settings module."""

    settings = {
        "INSTALLED_APPS": [],
        "TASKS": {
            name: {
                "BACKEND": "django_taskq.backends.ProcessPoolBackend",
                "OPTIONS": {
                    "MAX_WORKERS": workers,
                    "MAX_RESULTS": MAX_RESULTS,
                    "START_METHOD": "fork",
                },
            }
            for name, workers in (("default", PROCESSES), ("one", 1))
        },
    }

    def compute(self, count: int, workers: int) -> None:
        """Have jobs computed by so many processes; return when all are done."""
        task = import_module("tests.benchmarks.noop").compute
        task = task.using(backend="one" if workers == 1 else "default")
        for result in task.enqueue_many([((), {})] * count):
            self.wait(result)


PEERS = {
    "postgresql": OurDatabasePeer,
    "sqlite": OurDatabasePeer,
    "redis": OurRedisPeer,
    "memory": OurPoolPeer,
    "processes": OurProcessPoolPeer,
}
