"""System checks of the Redis that an alias uses, and the client that it uses it by."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from django_taskq.backends.redis_client import client_of, separate
from django_taskq.options import Options

# Seconds for which a check waits for an answer: `manage.py` has other things to do.
PATIENCE = 0.5

type Address = tuple[str, int, str]


def check_redis(alias: str, options: Options) -> Iterator[CheckMessage]:
    """Return what is wrong with the Redis of an alias. One that does not answer is not judged."""
    cache = options.cache
    entry = settings.CACHES.get(cache)
    if entry is None:
        yield Error(
            f"TASKS[{alias!r}]: OPTIONS['CACHE'] names {cache!r}, which CACHES has not.",
            hint="Add it there: django_redis.cache.RedisCache, with a Redis database of its own.",
            id="django_taskq.E020",
        )
        return
    try:
        client = client_of(cache)
    except ImproperlyConfigured as error:
        yield Error(
            f"TASKS[{alias!r}]: {error}",
            hint="Have OPTIONS['CACHE'] name an alias of django-redis.",
            id="django_taskq.E020",
        )
        return
    yield from _check_neighbors(alias, cache)
    yield from _check_server(alias, client, is_durable=options.durable)


def _check_neighbors(alias: str, cache: str) -> Iterator[CheckMessage]:
    own = addresses_of(settings.CACHES[cache])
    for name, entry in settings.CACHES.items():
        if name != cache and own & addresses_of(entry):
            yield Warning(
                f"TASKS[{alias!r}]: its jobs share a Redis database with CACHES[{name!r}], whose "
                "cache.clear() deletes all of them.",
                hint="Give one of the two another database: the number at the end of LOCATION.",
                id="django_taskq.W020",
            )


def _check_server(alias: str, client: Any, *, is_durable: bool) -> Iterator[CheckMessage]:
    policy, is_kept = _ask(client)
    if policy not in (None, "noeviction"):
        cost = "such a job starts late" if is_durable else "jobs are keys"
        outcome = "jobs wait in their rows" if is_durable else "an enqueue fails"
        yield Warning(
            f"TASKS[{alias!r}]: its Redis evicts keys when its memory is full (maxmemory-policy "
            f"{policy}), and {cost}.",
            hint=f"Set maxmemory-policy to noeviction: then {outcome}, and nothing is lost.",
            id="django_taskq.W021",
        )
    if is_durable:
        # What it forgets stands in rows.
        return
    if is_kept is False:
        yield Warning(
            f"TASKS[{alias!r}]: DURABLE is False, and its Redis writes nothing to disk. Jobs that "
            "have not ended are gone when it is started anew.",
            hint="Set appendonly to yes in its configuration, or silence this where jobs may go.",
            id="django_taskq.W022",
        )


def _ask(client: Any) -> tuple[str | None, bool | None]:
    """Return the memory policy, and whether it writes to disk; None for what is not told."""
    from redis.exceptions import RedisError

    asking = separate(client, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    try:
        policy = asking.info("memory").get("maxmemory_policy")
        is_kept = bool(asking.info("persistence").get("aof_enabled"))
        return policy, is_kept or bool(asking.config_get("save").get("save"))
    except (RedisError, OSError, AttributeError):
        # Many that are run by others do not tell.
        return None, None
    finally:
        # What a client was given it does not close by itself.
        asking.connection_pool.disconnect()


def addresses_of(entry: dict[str, Any]) -> set[Address]:
    """Return the servers and databases of an entry in CACHES, none where they are not Redis."""
    location = entry.get("LOCATION") or ()
    locations = location.split(",") if isinstance(location, str) else location
    found = set()
    for url in locations:
        parts = urlsplit(str(url))
        if parts.scheme in ("redis", "rediss", "valkey", "valkeys"):
            options = entry.get("OPTIONS", {})
            database = parts.path.strip("/") or str(options.get("DB", options.get("db", 0)))
            found.add((parts.hostname or "localhost", parts.port or 6379, database))
        elif parts.scheme == "unix":
            found.add((parts.path, 0, parts.query))
    return found
