"""Where the schedules of a backend stand, and whose clock they go by."""

from datetime import datetime
from typing import Any

from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.tasks import task_backends

from django_taskq.control import database_of as database_of_jobs
from django_taskq.models import Schedule
from django_taskq.stores.base import Store
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.clock import Clock
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.vendors import vendor_of


class StoreClock(Clock):
    """The clock of a store whose jobs are no rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Return the present moment, aware."""
        return self._store.now()


def can_tick(alias: str) -> bool:
    """Tell whether the schedules of a backend are fired: a memory one has to be told to."""
    backend: Any = task_backends[alias]
    if not hasattr(backend, "needs_worker"):
        return False
    return bool(backend.needs_worker or backend.settings.scheduler)


def database_of(alias: str) -> str:
    """Return the database of a backend's schedules: that of its job rows, where it has any."""
    backend: Any = task_backends[alias]
    if getattr(backend, "needs_worker", False):
        return database_of_jobs(alias)
    return router.db_for_write(Schedule)


def databases() -> list[str]:
    """Return the databases in which schedules may stand."""
    return list(dict.fromkeys(database_of(alias) for alias in task_backends if can_tick(alias)))


def place_of(store: Store) -> Place:
    """Return where the schedules of a store's backend stand."""
    if isinstance(store, DatabaseStore):
        return store.place
    database = database_of(store.alias)
    vendor, clock = vendor_of(database), StoreClock(store)
    return Place(database, store.alias, store.options, clock, vendor.begin, vendor.among)
