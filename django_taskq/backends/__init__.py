"""The backends that TASKS names."""

from django_taskq.backends.database import DatabaseBackend
from django_taskq.backends.processpool import ProcessPoolBackend
from django_taskq.backends.redis import RedisBackend
from django_taskq.backends.threadpool import ThreadPoolBackend

__all__ = ["DatabaseBackend", "ProcessPoolBackend", "RedisBackend", "ThreadPoolBackend"]
