"""Tables of ours that a database has not: most times nobody has run migrate."""

from collections.abc import Iterable

from django.apps import apps
from django.db import Error, connections
from django.db.models import Model


def describe_missing(database: str, kinds: Iterable[type[Model]]) -> str | None:
    """Return in a sentence which of the tables of these models are missing, or None."""
    connection = connections[database]
    with connection.cursor() as cursor:
        known = set(connection.introspection.table_names(cursor, include_views=True))
    convert = connection.introspection.identifier_converter
    # A proxy has the table of another model.
    names = sorted({kind._meta.db_table for kind in kinds})
    missing = [name for name in names if convert(name) not in known]
    if not missing:
        return None
    return (
        f"The database {database!r} lacks the tables {', '.join(missing)}: run manage.py migrate "
        f"--database {database}."
    )


def explain_error(databases: Iterable[str]) -> str | None:
    """Return which tables one of these databases lacks, after a statement there has failed.

    None where all are there, and where a database cannot be asked: the error then says it best.
    """
    for database in databases:
        # Whoever could not connect is not kept waiting a second time.
        if connections[database].connection is None:
            continue
        try:
            found = describe_missing(database, apps.get_app_config("django_taskq").get_models())
        except Error:
            continue
        if found is not None:
            return found
    return None
