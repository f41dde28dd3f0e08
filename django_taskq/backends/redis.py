"""Jobs in Redis, worked by `manage.py runworker`, with rows behind them or none before they end."""

import importlib.util
from functools import cache
from typing import Any, ClassVar

from django.apps import apps
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from django_taskq.backends.base import Obstacle, TaskqBackend
from django_taskq.backends.redis_checking import check_redis
from django_taskq.backends.redis_client import client_of, quick_client_of
from django_taskq.options import REDIS, Options
from django_taskq.stores.base import Store
from django_taskq.stores.registry import registry
from django_taskq.stores.rows_alone import are_alone


class RedisBackend(TaskqBackend):
    """The Redis store, without a worker in this process."""

    readers = REDIS
    needs_worker: ClassVar[bool] = True

    @classmethod
    def find_obstacle(cls, options: Options) -> Obstacle | None:
        """Name what is missing."""
        if importlib.util.find_spec("django_redis") is None:
            return Obstacle(
                "Jobs in Redis need django-redis, which is not installed.",
                "Install django-taskq[redis].",
            )
        return None

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what the system checks have to say of this alias and of its Redis."""
        found = super().check(**kwargs)
        if not any(message.is_serious() for message in found):
            found += check_redis(self.alias, self.settings)
        return found

    def open_store(self) -> Store:
        """Return this process's Redis store for the alias."""
        obstacle = self.find_obstacle(self.settings)
        if obstacle is not None:
            raise ImproperlyConfigured(f"TASKS[{self.alias!r}]: {obstacle.message} {obstacle.hint}")
        if not apps.is_installed("django_taskq"):
            raise ImproperlyConfigured(
                f"TASKS[{self.alias!r}]: jobs that have ended in Redis are kept in the models of "
                "django_taskq. Add 'django_taskq' to INSTALLED_APPS and run manage.py migrate."
            )
        if self.settings.durable and are_alone():
            return open_rows_alone(self.alias, self.settings)
        return registry.get(self.alias, open_redis_store, self.settings)


def open_redis_store(alias: str, options: Options) -> Store:
    """Make the store of an alias: rows that Redis hands out, or Redis with an archive."""
    # Imported late: backends are made before the apps are ready, models are not.
    from django_taskq.stores.database import DatabaseStore, PairedRows
    from django_taskq.stores.durable import DurableStore
    from django_taskq.stores.redis import PairedRedis, RedisStore
    from django_taskq.stores.rules import RuleRows

    @cache
    def client() -> Any:
        return client_of(options.cache)

    @cache
    def quick_client() -> Any:
        return quick_client_of(options.cache)

    rules = RuleRows(options.database).refresh
    if not options.durable:
        archive = DatabaseStore(alias, options)
        return RedisStore(alias, options, client=client, archive=archive, rules=rules)
    rows = PairedRows(alias, options)
    line = PairedRedis(
        alias, options, client=client, quick_client=quick_client, archive=rows, rules=rules
    )
    return DurableStore(alias, options, rows=rows, line=line)


def open_rows_alone(alias: str, options: Options) -> Store:
    """Return the store that hands out the rows of a durable alias by itself, as tests need it."""
    from django_taskq.stores.database import DatabaseStore

    return registry.get(alias, DatabaseStore, options)
