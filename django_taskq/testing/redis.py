"""Redis under test: what a test enqueues no worker of the same Redis sees."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.tasks import task_backends
from django.test import override_settings

from django_taskq.backends.redis import RedisBackend
from django_taskq.backends.redis_client import client_of
from django_taskq.stores.registry import registry
from django_taskq.stores.rows_alone import leave_alone


@contextmanager
def own_redis() -> Iterator[None]:
    """Have durable jobs be plain rows, and give others a PREFIX of the test's own.

    They begin without a job, and at the end all of them are deleted. Redis is asked nothing where
    no job is enqueued for an alias that is in Redis alone.
    """
    changed = _with_own_prefixes()
    # The changed setting, here and at the end, makes Django and django_taskq drop all that they
    # have made from TASKS.
    override = override_settings(TASKS={**settings.TASKS, **changed})
    with leave_alone():
        override.enable()
        try:
            yield
        finally:
            for alias, entry in changed.items():
                if registry.has(alias):
                    _delete_jobs(alias, entry["OPTIONS"])
            override.disable()


def _with_own_prefixes() -> dict[str, dict[str, Any]]:
    """Return the entries of TASKS whose jobs are in Redis alone, each under another prefix."""
    tasks: dict[str, Any] = settings.TASKS
    changed: dict[str, dict[str, Any]] = {}
    for alias in task_backends:
        backend: Any = task_backends[alias]
        options = backend.options
        if isinstance(backend, RedisBackend) and options.get("DURABLE", True) is False:
            prefix = f"{options.get('PREFIX', 'taskq')}-test-{uuid4().hex}"
            changed[alias] = {**tasks[alias], "OPTIONS": {**options, "PREFIX": prefix}}
    return changed


def _delete_jobs(alias: str, options: dict[str, Any]) -> None:
    from django_taskq.stores.redis.keys import Keys

    client = client_of(options.get("CACHE", "default"))
    tag = re.sub(r"([\\*?\[\]])", r"\\\1", Keys(options["PREFIX"], alias).tag)
    keys = list(client.scan_iter(f"{tag}*", count=1000))
    if keys:
        client.unlink(*keys)
    client.close()
