"""Tables of ours that a database has not: most times nobody has run migrate."""

from collections.abc import Iterable
from typing import NamedTuple

from django.apps import apps
from django.db import Error, connections
from django.db.models import Model

from django_taskq.jobs.wording import gettext_noop

# Commands print it as it is, pages translate it.
LACKS = gettext_noop(
    "The database '%(database)s' lacks the tables %(tables)s: run manage.py migrate "
    "--database %(database)s."
)


class Missing(NamedTuple):
    """The tables that a database lacks; as text a sentence in English."""

    database: str
    tables: str

    def __str__(self) -> str:
        return LACKS % self._asdict()


def find_missing(database: str, kinds: Iterable[type[Model]]) -> Missing | None:
    """Return which of the tables of these models are missing, or None."""
    connection = connections[database]
    with connection.cursor() as cursor:
        known = set(connection.introspection.table_names(cursor, include_views=True))
    convert = connection.introspection.identifier_converter
    # A proxy has the table of another model.
    names = sorted({kind._meta.db_table for kind in kinds})
    missing = [name for name in names if convert(name) not in known]
    return Missing(database, ", ".join(missing)) if missing else None


def explain_error(databases: Iterable[str]) -> Missing | None:
    """Return which tables one of these databases lacks, after a statement there has failed.

    None where all are there, and where a database cannot be asked: the error then says it best.
    """
    for database in databases:
        # Whoever could not connect is not kept waiting a second time.
        if connections[database].connection is None:
            continue
        try:
            found = find_missing(database, apps.get_app_config("django_taskq").get_models())
        except Error:
            continue
        if found is not None:
            return found
    return None
