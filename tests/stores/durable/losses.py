"""What the tests do to a Redis that jobs stand in, and to its rows."""

from typing import Any

from django_taskq.stores.durable.sweep import STROLL
from django_taskq.stores.redis.epochs import escaped
from tests.stores.places import redis_client

MOST_STEPS = 500


def name(store: Any, entry: str, rest: str = "") -> str:
    """Return a key of a store."""
    return str(store.line.scripts.keys.name(entry, rest))


def keys_of(store: Any) -> set[bytes]:
    """Return all keys of a store's alias."""
    tag = escaped(store.line.scripts.keys.tag)
    return set(redis_client().scan_iter(f"{tag}:*", count=1000))


def flush(store: Any) -> None:
    """Take from Redis what it holds of a store's alias, as FLUSHALL does."""
    if keys := keys_of(store):
        redis_client().delete(*keys)


def sweep(store: Any) -> int:
    """Sweep until there is nothing to do at the moment; return in how many steps."""
    for steps in range(1, MOST_STEPS):
        if store.sweep() > STROLL:
            return steps
    raise AssertionError(f"There was more to sweep after {MOST_STEPS} steps.")


def sweep_all(store: Any) -> int:
    """Have a look at everything, and sweep until there is nothing to do at the moment."""
    store.line.sweeping.ask_for_all()
    return sweep(store)


def sweep_newest(store: Any) -> int:
    """Sweep as it is done some seconds later."""
    store._sweep._look_at = 0.0
    return sweep(store)


def let_turn_expire(store: Any) -> None:
    """Have whoever sweeps be taken for dead."""
    redis_client().delete(name(store, "sweeper"))
