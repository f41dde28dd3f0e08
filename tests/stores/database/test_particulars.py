"""What a store tells of its database, and whether notifications really arrive."""

from typing import Any

import pytest

from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.particulars import particulars_of
from django_taskq.stores.database.vendors import GENERIC
from django_taskq.stores.database.vendors.postgresql import settings
from django_taskq.stores.database.vendors.postgresql.wakeups import Listener
from tests.stores.places import new_alias

on_postgresql = pytest.mark.django_db(transaction=True, databases=["postgresql"])


def open_store(database: str) -> DatabaseStore:
    return DatabaseStore(new_alias(), Options(database=database))


@on_postgresql
def test_postgresql_tells_its_version_and_that_notifications_arrive() -> None:
    found = open_store("postgresql").particulars()
    assert (found.alias, found.product) == ("postgresql", "PostgreSQL")
    assert found.driver.startswith("psycopg 3")
    assert found.settings["synchronous_commit"] == "on"
    assert found.settings["LISTEN works"] is True


@on_postgresql
def test_notifications_that_get_lost_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # As behind a transaction pooler: listening is accepted, and then nothing comes.
    monkeypatch.setattr(settings, "Listener", lambda place, channel: Listener(place, "another"))
    assert settings.hears_notifications(open_store("postgresql")._place, timeout=0.2) is False


@on_postgresql
def test_where_nobody_can_listen_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> bool:
        return False

    monkeypatch.setattr(Listener, "open", refuse)
    assert settings.hears_notifications(open_store("postgresql")._place) is False


@pytest.mark.django_db(transaction=True, databases=["default"])
def test_sqlite_tells_how_it_writes() -> None:
    assert open_store("default").particulars().settings == {
        "journal_mode": "wal",
        "synchronous": "NORMAL",
        "transaction_mode": "IMMEDIATE",
    }


@pytest.mark.django_db(transaction=True, databases=["default"])
def test_an_unknown_database_has_a_name_and_no_settings() -> None:
    found = particulars_of(open_store("default")._place, GENERIC.settings)
    assert (found.product, found.settings) == ("SQLite", {})
