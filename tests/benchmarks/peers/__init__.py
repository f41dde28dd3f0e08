"""The task queues that are measured, each under the name the tables show."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.place import Kind, Place

HERE = "tests.benchmarks.peers"


@dataclass(frozen=True)
class Entry:
    """Where a peer lives and how it can be measured in the time there is."""

    name: str
    module: str
    distribution: str
    kind: Kind
    share: float = 1.0
    """What part of a full drain it gets, so that slow and fast take a similar time."""
    bulk: bool = True
    """Whether it has a call that enqueues many jobs at once."""
    naps: bool = False
    """Whether it has jobs that sleep, for the figures about turns."""
    poll: float = 0.02
    """How often it looks for work by default, if nothing wakes it; single jobs come in between."""

    @property
    def ours(self) -> bool:
        return self.module == "ours"

    def load(self, place: Place) -> Peer:
        """Import the peer, in a process that is only for it."""
        module = import_module(f"{HERE}.{self.module}")
        peer: Peer = (
            module.PEERS[self.kind](place) if hasattr(module, "PEERS") else module.PEER(place)
        )
        return peer


ENTRIES = (
    Entry("ours/postgresql", "ours", "django", "postgresql"),
    Entry("pgqueuer/postgresql", "pgqueuer", "pgqueuer", "postgresql"),
    Entry(
        "huey/postgresql",
        "huey_postgresql",
        "huey",
        "postgresql",
        share=0.05,
        bulk=False,
        naps=True,
    ),
    Entry(
        "huey-peewee/postgresql",
        "huey_peewee",
        "huey",
        "postgresql",
        share=0.05,
        bulk=False,
        poll=0.1,
    ),
    Entry("django-ox/postgresql", "ox", "django-ox", "postgresql", share=0.05, poll=1.0),
    Entry(
        "django-tasks-db/postgresql",
        "tasks_db",
        "django-tasks-db",
        "postgresql",
        share=0.05,
        bulk=False,
        naps=True,
        poll=1.0,
    ),
    Entry(
        "procrastinate/postgresql",
        "procrastinate",
        "procrastinate",
        "postgresql",
        share=0.05,
        naps=True,
    ),
    Entry(
        "django-q2/postgresql", "q2", "django-q2", "postgresql", share=0.05, bulk=False, poll=0.2
    ),
    Entry("ours/sqlite", "ours", "django", "sqlite", poll=0.1),
    Entry(
        "huey/sqlite", "huey_sqlite", "huey", "sqlite", share=0.25, bulk=False, naps=True, poll=0.1
    ),
    Entry("django-ox/sqlite", "ox", "django-ox", "sqlite", share=0.05, poll=1.0),
    Entry(
        "django-tasks-db/sqlite",
        "tasks_db",
        "django-tasks-db",
        "sqlite",
        share=0.05,
        bulk=False,
        naps=True,
        poll=1.0,
    ),
    Entry("ours/redis", "ours", "redis", "redis"),
    Entry("ltq/redis", "ltq", "ltq", "redis", share=0.25, bulk=False, poll=0.1),
    Entry("huey/redis", "huey_redis", "huey", "redis", share=0.25, bulk=False),
    Entry("django-q2/redis", "q2", "django-q2", "redis", share=0.05, bulk=False, poll=0.2),
    Entry(
        "django-tasks-redis/redis",
        "tasks_redis",
        "django-tasks-redis",
        "redis",
        share=0.05,
        bulk=False,
    ),
    Entry("celery/redis", "celery", "celery", "redis", share=0.05, bulk=False),
    Entry("dramatiq/redis", "dramatiq", "dramatiq", "redis", share=0.05, bulk=False),
    Entry("rq/redis", "rq", "rq", "redis", share=0.05),
    Entry("ours/memory", "ours", "django", "memory"),
    Entry(
        "django-tasks-local/memory",
        "tasks_local",
        "django-tasks-local",
        "memory",
        bulk=False,
        naps=True,
    ),
    Entry("ours/processes", "ours", "django", "processes"),
    Entry(
        "django-tasks-local/processes",
        "tasks_local",
        "django-tasks-local",
        "processes",
        bulk=False,
    ),
)


def entry(name: str) -> Entry:
    """Return the entry of this name."""
    return next(each for each in ENTRIES if each.name == name)
