"""In a database that lacks tables commands and pages say which, and what makes them."""

import pytest
from django.db import connections
from django.utils import translation

from django_taskq.questions import NoAnswer, ask
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


@on_each_database
def test_a_page_says_so_in_the_language_of_its_reader(alias: str) -> None:
    _rename(alias, "taskq_job", "elsewhere")
    try:
        answer = ask([alias], lambda store: store.glance(10), 10.0)[alias]
    finally:
        _rename(alias, "elsewhere", "taskq_job")
    assert isinstance(answer, NoAnswer)
    way = f"manage.py migrate --database {alias}"
    assert str(answer) == f"The database '{alias}' lacks the tables taskq_job: run {way}."
    with translation.override("de"):
        assert answer.told() == (
            f"Der Datenbank '{alias}' fehlen die Tabellen taskq_job: führen Sie {way} aus."
        )


def _rename(alias: str, table: str, name: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
