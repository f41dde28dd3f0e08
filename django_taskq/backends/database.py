"""Durable jobs: rows of Django models, worked by `manage.py runworker`."""

from typing import ClassVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from django_taskq.backends.base import TaskqBackend
from django_taskq.options import DURABLE
from django_taskq.stores.base import Store
from django_taskq.stores.registry import registry


class DatabaseBackend(TaskqBackend):
    """The database store, without a worker in this process."""

    readers = DURABLE
    needs_worker: ClassVar[bool] = True

    def open_store(self) -> Store:
        """Return this process's database store for the alias."""
        if not apps.is_installed("django_taskq"):
            raise ImproperlyConfigured(
                f"TASKS[{self.alias!r}]: jobs in a database need the models of django_taskq. Add "
                "'django_taskq' to INSTALLED_APPS and run manage.py migrate."
            )
        # Imported late: backends are made before the apps are ready, models are not.
        from django_taskq.stores.database import DatabaseStore

        store: Store = registry.get(self.alias, DatabaseStore, self.settings)
        return store
