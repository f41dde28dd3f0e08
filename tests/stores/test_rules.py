"""Rows of tenants and queues, as rules."""

import logging

import pytest
from django.db import DatabaseError, connections, transaction
from django.test import modify_settings

from django_taskq.jobs.rate import Rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.models import Queue, Tenant
from django_taskq.stores.rules import RuleRows
from tests.stores.database.statements import recorded, run
from tests.stores.jobs import Thread
from tests.stores.places import write_rules

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", "postgresql")
    ],
)

RULES = Rules(
    {
        "acme": TenantRule(weight=3, max_running=5, rate=Rate(600, 60.0)),
        "globex": TenantRule(is_paused=True),
        "": TenantRule(weight=2),
    },
    {"video": QueueRule(max_running=2), "mail": QueueRule(is_paused=True)},
)


@each_database
def test_rows_are_read_by_one_statement(database: str) -> None:
    write_rules(database, RULES)
    rows = RuleRows(database)
    with recorded(database) as statements:
        assert rows.refresh() == RULES

    assert len(statements) == 1
    assert rows.current == RULES


@each_database
def test_rows_that_say_nothing_but_the_defaults_are_left_out(database: str) -> None:
    Tenant.objects.using(database).create(name="plain")
    Queue.objects.using(database).create(name="plain")

    assert RuleRows(database).refresh() == Rules()


@each_database
def test_a_row_that_changes_is_seen_at_the_next_refresh(database: str) -> None:
    rows = RuleRows(database)
    assert rows.refresh() == Rules()
    Tenant.objects.using(database).create(name="acme", max_running=1)
    assert rows.refresh().tenants == {"acme": TenantRule(max_running=1)}
    Tenant.objects.using(database).update(max_running=None, max_rate="")

    assert rows.refresh().tenants == {"acme": TenantRule()}


@each_database
def test_a_value_that_cannot_be_read_is_passed_over_and_told_once_each_time_it_changes(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    Tenant.objects.using(database).create(name="acme", max_rate="often", max_running=2)
    rows = RuleRows(database)
    with caplog.at_level(logging.WARNING):
        assert rows.refresh().tenants == {"acme": TenantRule(max_running=2)}
        rows.refresh()
        assert len(caplog.messages) == 1
        Tenant.objects.using(database).update(max_rate="0/s")
        rows.refresh()
        rows.refresh()
        assert len(caplog.messages) == 2
        Tenant.objects.using(database).update(max_rate="1/s")
        assert rows.refresh().tenants["acme"].rate == Rate(1, 1.0)

    first, second = caplog.messages
    assert first.startswith("The max_rate of the tenant 'acme' is passed over: expected a rate")
    assert first.endswith("got 'often'. Correct its row.")
    assert "got '0/s'" in second


@each_database
def test_what_was_read_last_holds_while_the_rows_cannot_be_read(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_rules(database, RULES)
    rows = RuleRows(database)
    rows.refresh()

    def refuse(*_: object) -> None:
        raise DatabaseError("gone away")

    with caplog.at_level(logging.WARNING):
        with connections[database].execute_wrapper(refuse):
            assert rows.refresh() == RULES
            assert rows.refresh() == RULES
        assert len(caplog.messages) == 1
        assert rows.refresh() == RULES
        with connections[database].execute_wrapper(refuse):
            rows.refresh()
    assert len(caplog.messages) == 2
    assert "what was read last holds" in caplog.messages[0]


@each_database
def test_without_tables_nothing_is_limited_and_nothing_is_said(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = RuleRows(database)
    with caplog.at_level(logging.DEBUG, "django_taskq"), transaction.atomic(using=database):
        run(database, "DROP TABLE taskq_tenant")
        assert rows.refresh() == Rules()
        # The caller's transaction goes on.
        assert run(database, "SELECT 1") == [(1,)]
        transaction.set_rollback(True, using=database)

    assert caplog.messages == []


@modify_settings(INSTALLED_APPS={"remove": "django_taskq"})
def test_where_the_app_is_not_installed_no_database_is_asked() -> None:
    # No database is allowed to this test.
    assert RuleRows("default").refresh() == Rules()
    assert RuleRows().refresh() == Rules()


def test_where_no_database_answers_nothing_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    # No database is allowed to this test.
    with caplog.at_level(logging.WARNING):
        assert RuleRows("nowhere", closes=True).refresh() == Rules()
        assert RuleRows("default", closes=True).refresh() == Rules()

    assert len(caplog.messages) == 2


@pytest.mark.django_db(transaction=True, databases=["default"])
def test_the_router_chooses_where_no_database_is_named() -> None:
    write_rules("default", RULES)

    assert RuleRows().refresh() == RULES


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@pytest.mark.parametrize("closes", [True, False])
def test_a_thread_keeps_its_connection_unless_it_is_told_to_close_it(closes: bool) -> None:
    rows = RuleRows("postgresql", closes=closes)

    def is_open_after() -> bool:
        rows.refresh()
        return connections["postgresql"].connection is not None

    assert Thread(is_open_after).result() is not closes
