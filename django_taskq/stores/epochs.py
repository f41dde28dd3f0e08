"""Epochs as rows of a database: how often what Redis held of an alias was lost."""

from collections.abc import Mapping

from django.db import connections
from django.db.models import Exists, QuerySet

from django_taskq.models import Epoch

# A condition of a statement about what a claim of an epoch led to. A write that had begun before
# the number was raised may be let through: the attempts of the rows are raised after it, under
# their locks, and it is over before that or refused.
IS_CURRENT = "EXISTS (SELECT 1 FROM taskq_epoch WHERE backend = %(backend)s AND number = %(epoch)s)"


class EpochRows:
    """The number of one alias's epoch. Any number of processes may read and raise it."""

    def __init__(self, database: str, backend: str) -> None:
        self._database = database
        self._backend = backend

    def read(self) -> int:
        """Return the number, 0 where Redis has never held the jobs of this alias."""
        found = self._rows().values_list("number", flat=True).first()
        return 0 if found is None else found

    def replace(self, old: int, new: int) -> bool:
        """Put another number in the place of `old`; False where that is not the number any more.

        Expects no transaction of the caller's: whoever sees the new number has to see it for good.
        """
        if not self._rows().exists():
            # Somebody else may be making it, too.
            row = Epoch(backend=self._backend)
            Epoch._default_manager.using(self._database).bulk_create([row], ignore_conflicts=True)
        return bool(self._rows().filter(number=old).update(number=new))

    def is_current(self, number: int) -> Exists:
        """Return the condition that this is the number, for a query over rows of the database."""
        return Exists(self._rows().filter(number=number))

    def parameters(self, number: int) -> Mapping[str, object]:
        """Return what IS_CURRENT refers to."""
        return {"backend": self._backend, "epoch": number}

    def has_table(self) -> bool:
        """Tell whether the database has a place for the number."""
        connection = connections[self._database]
        with connection.cursor() as cursor:
            names = connection.introspection.table_names(cursor, include_views=True)
        return Epoch._meta.db_table in names

    def _rows(self) -> QuerySet[Epoch]:
        return Epoch._default_manager.using(self._database).filter(backend=self._backend)
