"""From which store a test claims its jobs."""

from django_taskq.backends.redis import open_rows_alone
from django_taskq.control import store_of
from django_taskq.stores.base import Store


def store_to_claim_from(alias: str) -> Store:
    """Return the store of an alias; inside of a transaction one that needs no commit to claim.

    Redis is handed a durable job once it is committed, which in a TestCase never happens.
    """
    from django_taskq.stores.durable import DurableStore

    store = store_of(alias)
    if isinstance(store, DurableStore) and store.rows.is_in_transaction:
        return open_rows_alone(alias, store.options)
    return store
