"""The rows that a test left in its databases, and how they go.

After each test in real transactions Django empties all tables, filled or not, and has its apps make
their permissions and content types anew, which takes longer than most tests. Here only tables that
hold rows are emptied, and what the migrations made stays.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import DatabaseError, connections
from django.test import TransactionTestCase

# Filled by the migrations, the same for each test.
MADE_BY_MIGRATIONS = {"django_content_type", "auth_permission"}
# PostgreSQL keeps deleted rows for a while. In a table of more bytes than these they could slow
# what comes next, and to cut it short takes it thirty times as long as to delete a few rows.
GROWN = 500_000


@pytest.fixture(scope="session", autouse=True)
def quick_clean_up() -> Iterator[None]:
    """Have tests in real transactions leave their databases empty, and quickly."""
    flush = TransactionTestCase._fixture_teardown

    def clean_up(case: TransactionTestCase) -> None:
        try:
            for alias in case._databases_names(include_mirrors=False):
                remove_leftovers(alias)
        except DatabaseError:
            # The test has taken tables away: Django looks which there are.
            flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", clean_up)
        yield


def remove_leftovers(alias: str) -> None:
    """Empty the tables of a database that hold rows."""
    connection = connections[alias]
    filled = _filled_tables(connection)
    if not filled:
        return
    if connection.vendor == "postgresql" and not any(filled.values()):
        quote = connection.ops.quote_name
        statements = [f"DELETE FROM {quote(table)}" for table in filled]
    else:
        statements = connection.ops.sql_flush(no_style(), [*filled], allow_cascade=True)
    connection.ops.execute_sql_flush(statements)


def _filled_tables(connection: Any) -> dict[str, bool]:
    """Return the tables that hold rows, and whether each has grown."""
    quote = connection.ops.quote_name
    grown = f"pg_relation_size('{{}}') > {GROWN}" if connection.vendor == "postgresql" else "0"
    tables = sorted({*connection.introspection.django_table_names()} - MADE_BY_MIGRATIONS)
    looks = (
        f"SELECT '{table}', {grown.format(table)} WHERE EXISTS (SELECT 1 FROM {quote(table)})"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        return {table: bool(has_grown) for table, has_grown in cursor.fetchall()}
