"""The Redis store."""

from django_taskq.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
