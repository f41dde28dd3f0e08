"""What differs from one database to the next: the store's parts are chosen here, in one line."""

from django.db import connections

from django_taskq.stores.database.vendors.generic import GENERIC, Vendor
from django_taskq.stores.database.vendors.mysql import MYSQL
from django_taskq.stores.database.vendors.postgresql import POSTGRESQL
from django_taskq.stores.database.vendors.sqlite import SQLITE

__all__ = ["GENERIC", "MYSQL", "POSTGRESQL", "SQLITE", "Vendor", "vendor_of"]

_VENDORS = {"postgresql": POSTGRESQL, "sqlite": SQLITE, "mysql": MYSQL}


def vendor_of(database: str) -> Vendor:
    """Return the vendor of a database alias."""
    return _VENDORS.get(connections[database].vendor, GENERIC)
