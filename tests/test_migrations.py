"""Migrations, forwards and backwards, with jobs in the table."""

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from django_taskq.jobs.ids import new_id
from django_taskq.jobs.states import State
from django_taskq.models import Attempt, Job, Worker
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from tests.stores.database.statements import recorded, run
from tests.stores.jobs import claim, claim_one, failure, finish, insert, insert_many, join
from tests.stores.places import new_alias

APP = "django_taskq"
FIRST = "0001_initial"

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


def new_key(database: str) -> Any:
    """Return the id of a new job as the database keeps it."""
    id = UUID(new_id())
    return id if connections[database].features.has_native_uuid_field else id.hex


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
@pytest.mark.parametrize("model", [Job, Attempt, Worker])
def test_rows_of_the_first_release_go_into_the_tables_of_this_one(
    database: str, model: Any
) -> None:
    """An older process names in its INSERT the columns that it knows, and no other."""
    store = DatabaseStore(new_alias(), Options(database=database))
    join(store, f"{store.alias}:1")
    insert(store)
    finish(store, failure(claim_one(store, f"{store.alias}:1")), worker=f"{store.alias}:1")
    first = MigrationExecutor(connections[database]).loader.project_state([(APP, FIRST)]).apps
    known = [field.column for field in first.get_model(APP, model.__name__)._meta.local_fields]
    newer = {field.column for field in model._meta.local_fields} - set(known)
    rows = model.objects.using(database)
    # Its key is the database's own, or one that nobody has yet; so is what must be unique.
    own = {
        Job: {"seq": None, "public_id": new_key(database)},
        Attempt: {"id": None, "attempt": 99},
        Worker: {"worker_id": f"{store.alias}:2"},
    }[model]
    copied = [column for column in known if own.get(column, "") is not None]
    chosen = ", ".join("%s" if column in own else column for column in copied)
    before = rows.count()
    run(
        database,
        f"INSERT INTO {model._meta.db_table} ({', '.join(copied)})"
        f" SELECT {chosen} FROM {model._meta.db_table}",
        [own[column] for column in copied if column in own],
    )

    assert rows.count() == 2 * before
    added = rows.order_by("pk").last()
    for column in newer:
        (field,) = [each for each in model._meta.local_fields if each.column == column]
        assert getattr(added, field.attname) == (None if field.null else field.get_default())


@each_database
def test_a_new_column_copies_no_table(database: str) -> None:
    migrate(database, "0002_tuning")
    try:
        with recorded(database) as statements:
            migrate(database, "0003_limits")
    finally:
        migrate(database)
    changes = [sql for sql, _ in statements if "taskq_job" in sql and not sql.startswith("SELECT")]
    assert any("ADD COLUMN" in sql for sql in changes)
    assert not any("INSERT" in sql or "CREATE TABLE" in sql for sql in changes)


@each_database
def test_every_migration_goes_back_and_forth(database: str) -> None:
    names = [name for app, name in MigrationExecutor(connections[database]).loader.graph.nodes
             if app == APP]  # fmt: skip
    before = indexes(database)
    try:
        for name in sorted(names)[-2::-1]:
            migrate(database, name)
        for name in sorted(names)[-2::-1]:
            migrate(database, name)
            migrate(database)
            assert indexes(database) == before
    finally:
        migrate(database)


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
