"""What operators say of tenants and queues, as their rows in a database tell it."""

import logging
from typing import Any

from django.apps import apps
from django.db import Error as DatabaseError
from django.db import connections, router, transaction
from django.db.models import CharField, Q, Value

from django_taskq.jobs.limits import check_max_running
from django_taskq.jobs.rate import check_rate, read_rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule

logger = logging.getLogger("django_taskq.stores")


class RuleRows:
    """Reads the rows of tenants and queues; `current` is what was read last.

    Without rows, without their tables, or where django_taskq is not installed, nothing is
    limited. `database` is None for where the router reads tenants. With `closes` a connection that
    a read has opened is closed after it, for a thread that needs it for nothing else. One thread
    at a time may refresh; any may look at `current`.
    """

    def __init__(self, database: str | None = None, *, closes: bool = False) -> None:
        self.current = Rules()
        self._database = database
        self._closes = closes
        self._complaints: frozenset[str] = frozenset()
        self._is_cut_off = False

    def refresh(self) -> Rules:
        """Read the rows anew and return what holds from now on; after an error, what held before.

        Never raises: a worker goes on by what it knows.
        """
        if not (apps.models_ready and apps.is_installed("django_taskq")):
            return self.current
        try:
            self._refresh(self._database or _readable())
        except Exception as error:
            # No database at all, or a name that is none.
            self._report(error)
        return self.current

    def _refresh(self, database: str) -> None:
        closes = self._closes and connections[database].connection is None
        try:
            self.current = self.rules_of(_read(database))
            self._is_cut_off = False
        except DatabaseError as error:
            self._report(error, has_tables=not _lacks_tables(database))
        finally:
            if closes:
                connections[database].close()

    def rules_of(self, rows: list[Any]) -> Rules:
        """Return what rows say; of a value that cannot be used it complains once."""
        tenants, queues = {}, {}
        complaints: list[str] = []
        for is_tenant, name, weight, max_running, max_rate, is_paused in rows:
            who = f"{'tenant' if is_tenant else 'queue'} {name!r}"
            cap = None if max_running is None else int(max_running)
            cap = _checked(cap, check_max_running, who, "max_running", complaints)
            if is_tenant:
                rate = _checked(max_rate or None, check_rate, who, "max_rate", complaints)
                tenants[name] = TenantRule(
                    # MySQL returns a number of a union as another type than its column has.
                    _checked(int(weight), _check_weight, who, "weight", complaints) or 1,
                    cap,
                    None if rate is None else read_rate(rate),
                    bool(is_paused),
                )
            else:
                queues[name] = QueueRule(cap, bool(is_paused))
        for complaint in complaints:
            if complaint not in self._complaints:
                logger.warning("%s", complaint)
        self._complaints = frozenset(complaints)
        return Rules(tenants, queues)

    def _report(self, error: Exception, *, has_tables: bool = True) -> None:
        """Say once that the rows cannot be read; tables that were never made are no error."""
        if has_tables and not self._is_cut_off:
            logger.warning(
                "The rows of tenants and queues could not be read (%s: %s): what was read last "
                "holds.", type(error).__name__, error,
            )  # fmt: skip
        self._is_cut_off = True


def _readable() -> str:
    from django_taskq.models import Tenant

    return router.db_for_read(Tenant)


def _read(database: str) -> list[Any]:
    if not connections[database].in_atomic_block:
        return _rows(database)
    # An error must not end the caller's transaction.
    with transaction.atomic(using=database):
        return _rows(database)


def _rows(database: str) -> list[Any]:
    """Return the rows that say anything but the defaults, by one statement."""
    from django_taskq.models import Queue, Tenant

    tenants = Tenant._default_manager.using(database).filter(
        ~Q(weight=1) | Q(max_running__isnull=False) | Q(max_rate__isnull=False) | Q(paused=True)
    )
    queues = Queue._default_manager.using(database).filter(
        Q(max_running__isnull=False) | Q(paused=True)
    )
    return list(
        tenants.order_by()
        .values_list(Value(1), "name", "weight", "max_running", "max_rate", "paused")
        .union(
            queues.order_by().values_list(
                Value(0), "name", Value(1), "max_running", Value(None, CharField()), "paused"
            ),
            all=True,
        )
    )


def _lacks_tables(database: str) -> bool:
    from django_taskq.models import Queue, Tenant

    try:
        known = connections[database].introspection.table_names()
    except DatabaseError:
        return False
    return not {Queue._meta.db_table, Tenant._meta.db_table} <= set(known)


def _checked(value: Any, check: Any, who: str, column: str, complaints: list[str]) -> Any:
    """Return a value that can be used; of any other complain, and return None."""
    wrong = None if value is None else check(value)
    if wrong is None:
        return value
    complaints.append(f"The {column} of the {who} is passed over: {wrong}. Correct its row.")
    return None


def _check_weight(value: object) -> str | None:
    if isinstance(value, int) and value >= 1:
        return None
    return f"expected a whole number of at least 1, got {value!r}"
