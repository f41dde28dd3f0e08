"""Migrations of tables that workers read and write meanwhile: none keeps them waiting for long.

On PostgreSQL a change of a table waits for every transaction that has touched it, and all that
come later wait behind it; and an index that is made in the plain way lets nobody write until it
is done. MariaDB and MySQL add columns and indexes beside writers, SQLite has one writer at a time
whatever is done.
"""

import random
import threading
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

# How long everybody else may have to wait behind us at a time, and how often we try.
LONGEST_LOCK_WAIT = "500ms"
TRIES = 60
PAUSE = 0.5

type Change = Callable[[str, BaseDatabaseSchemaEditor, ProjectState, ProjectState], None]


class AddColumn(migrations.AddField):
    """AddField that gives up its place in the line for the table's lock, and tries again.

    For columns that are NULL or have a constant as database default: these change no row.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add the column."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "sqlite":
            # Django copies the table there, for defaults that the database is not to keep.
            BaseDatabaseSchemaEditor.add_field(
                schema_editor,
                from_state.apps.get_model(app_label, self.model_name),
                model._meta.get_field(self.name),
            )
            return
        _lock(schema_editor, model)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Remove the column."""
        _lock(schema_editor, from_state.apps.get_model(app_label, self.model_name))
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddIndexAside(migrations.AddIndex):
    """AddIndex that lets others write meanwhile; in a migration that is not atomic.

    What an interrupted run has left is made anew, or taken as it is.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make the index."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            make_aside(schema_editor, model, self.index)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            drop_aside(schema_editor, model, self.index)


class RemoveIndexAside(migrations.RemoveIndex):
    """RemoveIndex that lets others write meanwhile; in a migration that is not atomic."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the index."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            state = from_state.models[app_label, self.model_name_lower]
            drop_aside(schema_editor, model, state.get_index_by_name(self.name))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make the index again."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            state = to_state.models[app_label, self.model_name_lower]
            make_aside(schema_editor, model, state.get_index_by_name(self.name))


def make_aside(
    schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], index: models.Index
) -> None:
    """Make an index, unless there is a sound one of that name."""
    editor: Any = schema_editor
    sound = _is_sound(schema_editor, model, index.name)
    if sound:
        return
    if not _is_aside(schema_editor):
        editor.add_index(model, index)
        return
    if sound is False:
        editor.remove_index(model, index, concurrently=True)
    editor.add_index(model, index, concurrently=True)


def drop_aside(
    schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], index: models.Index
) -> None:
    """Drop an index, if it is there."""
    editor: Any = schema_editor
    if _is_sound(schema_editor, model, index.name) is None and not editor.collect_sql:
        return
    if _is_aside(schema_editor):
        editor.remove_index(model, index, concurrently=True)
    else:
        editor.remove_index(model, index)


def _is_aside(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    connection = schema_editor.connection
    return connection.vendor == "postgresql" and not connection.in_atomic_block


def _is_sound(
    schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model], name: str
) -> bool | None:
    """Tell whether an index is complete, None where there is none of that name."""
    connection = schema_editor.connection
    if getattr(schema_editor, "collect_sql", False):
        return None
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
            return True if name in found else None
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [connection.ops.quote_name(name)],
        )
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def _lock(schema_editor: BaseDatabaseSchemaEditor, model: type[models.Model]) -> None:
    """Lock a table for the rest of the transaction, with short waits and pauses between them."""
    connection = schema_editor.connection
    is_dry = getattr(schema_editor, "collect_sql", False)
    if connection.vendor != "postgresql" or is_dry or not connection.in_atomic_block:
        return
    table = connection.ops.quote_name(model._meta.db_table)
    pause = threading.Event()
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic(connection.alias), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LONGEST_LOCK_WAIT}'")
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
                return
        except OperationalError:
            if not left:
                raise
        pause.wait(PAUSE * (0.5 + random.random()))
