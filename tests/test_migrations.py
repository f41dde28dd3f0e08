"""Migrations, forwards and backwards, with jobs in the table."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from django_taskq.jobs.states import State
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from tests.stores.database.statements import run
from tests.stores.jobs import claim, insert, insert_many
from tests.stores.places import new_alias

APP = "django_taskq"

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in settings.DATABASES
    ],
)


def migrate(database: str, name: str | None = None) -> Any:
    """Bring the tables to where a migration, or the last one, leaves them; return the models of
    that moment.
    """
    executor = MigrationExecutor(connections[database])
    targets = executor.loader.graph.leaf_nodes(APP) if name is None else [(APP, name)]
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def indexes(database: str) -> set[str]:
    """Return the names of the indexes of the jobs' table."""
    connection = connections[database]
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "taskq_job")
    return {name for name in found if name.startswith("taskq_job_")}


@each_database
def test_limits_come_and_go_without_a_loss(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    before = indexes(database)
    ids = insert_many(store, 2)
    try:
        old = migrate(database, "0002_tuning")
        assert "taskq_job_ready" in indexes(database)
        assert "taskq_limit" not in connections[database].introspection.table_names()
        rows = old.get_model(APP, "Job").objects.using(database)
        assert rows.filter(backend=store.alias, state=State.READY).count() == 2
        rows.filter(public_id=ids[0]).update(priority=7, rank=-7)
    finally:
        migrate(database)

    assert indexes(database) == before
    assert [job.gate for job in store.get(ids)] == ["", ""]
    assert [claimed.id for claimed in claim(store, 5)] == ids


@each_database
def test_a_job_of_the_first_release_has_no_gate(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    id = insert(store)
    columns = "backend, task, queue, tenant, args, kwargs, state, priority, band, rank, enqueued_at"
    run(
        database,
        f"INSERT INTO taskq_job (public_id, {columns}) SELECT %s, {columns} FROM taskq_job"
        " WHERE backend = %s",
        ("0" * 31 + "1", store.alias),
    )

    assert [job.gate for job in store.get([id, "00000000-0000-0000-0000-000000000001"])] == ["", ""]
    assert len(claim(store, 5)) == 2
