"""Taking away all that a benchmark has stored."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import router

from django_taskq.benchmark.interrupts import undisturbed
from django_taskq.exceptions import BenchmarkError
from django_taskq.jobs.filters import JobFilter
from django_taskq.models import Rollup, Serving
from django_taskq.stores.base import Store
from django_taskq.worker.connections import drop_connections

BATCH = 1000


@contextmanager
def cleared_after(store: Store) -> Iterator[None]:
    """Leave nothing of a store's alias behind, however the block ends.

    Whoever works the alias must have ended by then. Raise BenchmarkError where the store
    does not let go of it.
    """
    try:
        yield
    except BaseException:
        # Ctrl-C may have cut a query off: what its connection says next is not to be trusted.
        drop_connections()
        raise
    finally:
        try:
            with undisturbed():
                clear(store)
        except DatabaseError as error:
            raise BenchmarkError(
                f"The jobs of the benchmark could not be deleted: {error} No worker takes them; "
                f"they are the rows of taskq_job with the backend {store.alias!r}."
            ) from error
        finally:
            store.close()


def clear(store: Store) -> None:
    """Delete the workers and the jobs of a store's alias, whatever their state, and the counts."""
    for worker in store.insights().workers:
        store.forget(worker.id)
    while found := store.find(JobFilter(limit=BATCH)):
        ids = [record.id for record in found]
        store.cancel([record.id for record in found if not record.is_ended])
        if not store.delete(ids):
            raise BenchmarkError(
                f"Expected to delete the jobs of the benchmark, got {found[0].state} ones that "
                f"stay. They are the rows of taskq_job with the backend {store.alias!r}."
            )
    database = store.options.database or router.db_for_write(Rollup)
    for kind in (Rollup, Serving):
        kind._default_manager.using(database).filter(backend=store.alias).delete()
