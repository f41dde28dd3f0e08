"""Jobs in Redis, worked by `manage.py runworker`; what has ended is kept as rows."""

import importlib.util
from functools import cache
from typing import Any, ClassVar

from django.apps import apps
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from django_taskq.backends.base import Obstacle, TaskqBackend
from django_taskq.backends.redis_checking import check_redis
from django_taskq.backends.redis_client import client_of
from django_taskq.options import REDIS, Options
from django_taskq.stores.base import Store
from django_taskq.stores.registry import registry


class RedisBackend(TaskqBackend):
    """The Redis store, without a worker in this process."""

    readers = REDIS
    needs_worker: ClassVar[bool] = True

    @classmethod
    def find_obstacle(cls, options: Options) -> Obstacle | None:
        """Name what is missing, or asked for too early."""
        if options.durable:
            return Obstacle(
                "OPTIONS['DURABLE'] is True, as it is where nothing is said, and not in this "
                "release: jobs in Redis are not backed by rows yet.",
                "Set DURABLE to False for now (docs/redis.md says what that promises), or use "
                "DatabaseBackend.",
            )
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
        return registry.get(self.alias, open_redis_store, self.settings)


def open_redis_store(alias: str, options: Options) -> Store:
    """Make the Redis store of an alias, with the rows of its database as the archive."""
    # Imported late: backends are made before the apps are ready, models are not.
    from django_taskq.stores.database import DatabaseStore
    from django_taskq.stores.redis import RedisStore
    from django_taskq.stores.rules import RuleRows

    @cache
    def client() -> Any:
        return client_of(options.cache)

    archive = DatabaseStore(alias, options)
    rules = RuleRows(options.database)
    return RedisStore(alias, options, client=client, archive=archive, rules=rules.refresh)
