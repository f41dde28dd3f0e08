"""Column types that mean the same on every database."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

# MySQL's default collation takes "Acme" and "acme" for one tenant. PostgreSQL compares by bytes
# only under "C", which is also the fastest order for an index; SQLite does so by itself.
_BYTEWISE = {"mysql": "utf8mb4_bin", "postgresql": "C"}


class NameField(models.CharField):
    """Text that is compared byte by byte: names of queues, tenants, tasks and workers.

    The one place beside the store's vendors where a column depends on the database.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Add the collation that compares bytes."""
        parameters = dict(super().db_parameters(connection))
        parameters["collation"] = _BYTEWISE.get(connection.vendor)
        return parameters
