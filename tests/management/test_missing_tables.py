"""Commands in a database that lacks tables say which, and what makes them."""

import pytest
from django.db import connections

from tests.each_database import on_each_database
from tests.management.calls import call

WAY_OUT = "run manage.py migrate --database {0}."


@on_each_database
@pytest.mark.parametrize(
    ("table", "arguments"),
    [
        ("taskq_schedule", ("schedule", "list")),
        ("taskq_job", ("taskq", "health")),
        ("taskq_xcom", ("xcom", "list")),
        ("taskq_job", ("pipeline", "list")),
        ("taskq_job", ("job", "list")),
    ],
)
def test_a_command_names_the_missing_table_and_the_way_out(
    alias: str, table: str, arguments: tuple[str, ...]
) -> None:
    _rename(alias, table, "elsewhere")
    try:
        called = call(*arguments, "--backend", alias)
    finally:
        _rename(alias, "elsewhere", table)
    assert called.status == 1
    assert table in called.err
    assert WAY_OUT.format(alias) in called.err


def _rename(alias: str, table: str, name: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
