"""What somebody who reads measurements wants to know of the database they were made on."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django_taskq.stores.database.place import Place


class Particulars(NamedTuple):
    """A database, named as its makers name it, and those of its settings that cost time.

    `alias` is its name in DATABASES.
    """

    alias: str
    product: str
    version: str
    driver: str
    settings: dict[str, Any]


def particulars_of(place: Place, settings: Callable[[Place], dict[str, Any]]) -> Particulars:
    """Ask a database what it is."""
    connection: Any = place.connection
    connection.ensure_connection()
    driver = connection.Database
    number = ".".join(str(part) for part in connection.get_database_version())
    driver_number = getattr(driver, "__version__", "")
    return Particulars(
        place.database,
        connection.display_name,
        number,
        f"{driver.__name__.partition('.')[0]} {driver_number}".strip(),
        settings(place),
    )
