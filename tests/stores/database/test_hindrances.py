"""What of a database slows its queue down, found at the real one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from django_taskq.control import store_of
from django_taskq.jobs.hindrance import LateLock, OldTransaction
from django_taskq.models import Queue
from django_taskq.stores.database.vendors.postgresql.hindrances import old_transactions
from tests.aliases import on_database
from tests.stores.database.statements import run


@contextmanager
def open_transaction(database: str, application: str) -> Iterator[int]:
    """Hold a transaction that has written open in another session; give its process's number."""
    pids: list[int] = []
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(using=database):
                run(database, f"SET application_name = '{application}'")
                Queue.objects.using(database).create(name="held")
                pids.append(run(database, "SELECT pg_backend_pid()")[0][0])
                begun.set()
                over.wait(60)
                transaction.set_rollback(True, using=database)
        finally:
            begun.set()
            connections.close_all()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert begun.wait(30)
    try:
        yield pids[0]
    finally:
        over.set()
        thread.join(30)


@on_database("postgresql")
def test_an_open_transaction_is_found_with_its_process_and_application() -> None:
    store = store_of("postgresql")
    place = store._place  # type: ignore[attr-defined]
    with open_transaction("postgresql", "a forgotten shell") as pid:
        found = [each for each in old_transactions(place, longest=0.0) if each.pid == pid]
        # Younger than five minutes it hinders nobody.
        assert pid not in {each.pid for each in store.hindrances()}
    (old,) = found
    assert isinstance(old, OldTransaction)
    assert (old.database, old.application) == ("postgresql", "a forgotten shell")
    assert old.state == "idle in transaction"
    assert 0 < old.age < 60
    assert pid not in {each.pid for each in old_transactions(place, longest=0.0)}


@on_database("default")
def test_transactions_without_the_write_lock_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_of("default").hindrances() == ()
    monkeypatch.setattr(connections["default"], "transaction_mode", None)
    assert store_of("default").hindrances() == (LateLock("default"),)


def test_memory_has_none() -> None:
    assert store_of("threads").hindrances() == ()
