"""The Redis client of an alias in CACHES, as jobs need it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_taskq.stores.durable import breaker

# Seconds for which an answer is waited for where CACHES says nothing; nothing blocks for as long.
LONGEST_ANSWER = 5.0
_TIMEOUTS = {"socket_timeout": LONGEST_ANSWER, "socket_connect_timeout": LONGEST_ANSWER}
# The same for what a caller of `enqueue` waits for, whose job is safe already.
_QUICK = {
    "socket_timeout": breaker.LONGEST_ANSWER,
    "socket_connect_timeout": breaker.LONGEST_CONNECT,
}


def client_of(cache_alias: str) -> Any:
    """Return a client with connections of its own that does nothing twice.

    Raise ImproperlyConfigured.
    """
    from django_redis import get_redis_connection

    try:
        client = get_redis_connection(cache_alias)
    except NotImplementedError as error:
        raise ImproperlyConfigured(
            f"Expected CACHES[{cache_alias!r}] to be of django_redis.cache.RedisCache, got "
            f"{settings.CACHES[cache_alias]['BACKEND']!r}."
        ) from error
    if client.connection_pool.connection_kwargs.get("decode_responses"):
        raise ImproperlyConfigured(
            f"Expected CACHES[{cache_alias!r}] to leave answers as bytes, got decode_responses "
            "among its options. Leave that out, or give jobs an alias of their own."
        )
    return separate(client)


def quick_client_of(cache_alias: str) -> Any:
    """Return a client that gives up soon: whoever enqueues a job waits for its answers."""
    client = client_of(cache_alias)
    if not _is_plain(client.connection_pool):
        return client
    kwargs = client.connection_pool.connection_kwargs
    limits = {name: min(longest, kwargs[name]) for name, longest in _QUICK.items()}
    return separate(client, **limits)


def separate(client: Any, **changes: Any) -> Any:
    """Return a client like this one, with connections of its own that try nothing again.

    A command may have done its work though its answer is lost. What redis-py would send again by
    itself, a claim say, would hand out twice as many jobs; our own loops look before they do.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    pool = client.connection_pool
    for name, longest in _TIMEOUTS.items():
        # Before redis-py 8 nothing ends a wait for a server that hangs.
        changes.setdefault(name, pool.connection_kwargs.get(name) or longest)
    changes = {**changes, "retry": Retry(NoBackoff(), 0), "retry_on_timeout": False}
    if not _is_plain(pool):
        # One of Sentinel finds its server by more than these values.
        pool.connection_kwargs.update(changes)
        return client
    kwargs = {**pool.connection_kwargs, **changes}
    made = type(pool)(
        connection_class=pool.connection_class, max_connections=pool.max_connections, **kwargs
    )
    return Redis(connection_pool=made)


def _is_plain(pool: Any) -> bool:
    """Tell whether a pool finds its server by the values that it was made with."""
    from redis import BlockingConnectionPool, ConnectionPool

    return type(pool) in (ConnectionPool, BlockingConnectionPool)
