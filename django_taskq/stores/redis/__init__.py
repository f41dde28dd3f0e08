"""The Redis store."""

from django_taskq.stores.redis.paired import PairedRedis
from django_taskq.stores.redis.store import RedisStore

__all__ = ["PairedRedis", "RedisStore"]
