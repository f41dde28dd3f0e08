"""django-q2: a cluster of one worker beside a pusher and a monitor, results kept as rows.

Its broker is the ORM, or Redis.
"""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import Any

from django.apps import apps
from django.utils.module_loading import import_string

from tests.benchmarks.peers.django_peer import DjangoPeer
from tests.benchmarks.tally import mark

NOOP = "tests.benchmarks.peers.q2.noop"


def noop(payload: str = "") -> int:
    return mark()


class Q2Peer(DjangoPeer):
    """Keeps all results and its one worker process; everything else is the default."""

    settings = {
        "INSTALLED_APPS": ["django_q"],
        "Q_CLUSTER": {
            "name": "benchmark",
            "orm": "default",
            "workers": 1,
            "recycle": 1_000_000,
            "save_limit": 0,
            "timeout": 50,
            "retry": 60,
            "log_level": "WARNING",
        },
    }

    def make_noop(self) -> Any:
        return import_string("django_q.tasks.async_task")

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop(NOOP, payload)

    def finished(self, total: int) -> int:
        return int(apps.get_model("django_q", "Task").objects.filter(success=True).count())

    def send(self) -> Any:
        return self.noop(NOOP)

    def wait(self, handle: Any) -> None:
        import_string("django_q.tasks.fetch")(handle, wait=30_000)

    def work(self) -> None:
        import_string("django_q.cluster.Cluster")().start()
        Event().wait()


class Q2RedisPeer(Q2Peer):
    """Keeps its broker, as django-q2 advises: else each call makes one, and a connection."""

    def open(self) -> None:
        cluster = {
            name: value for name, value in self.settings["Q_CLUSTER"].items() if name != "orm"
        }
        cluster["redis"] = {"host": self.place.host, "port": self.place.port, "db": 0}
        self.settings = {**self.settings, "Q_CLUSTER": cluster}
        super().open()
        broker = import_string("django_q.brokers.get_broker")()
        self.noop = partial(self.noop, broker=broker)


PEERS = {"postgresql": Q2Peer, "redis": Q2RedisPeer}
