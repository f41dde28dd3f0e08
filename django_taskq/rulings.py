"""What operators say of tenants and queues, as the commands and the admin write it.

Running workers read it anew within 5 s by themselves, so that nothing is sent to them. Each
function writes in one database, and is safe beside others that write the same row.
"""

from typing import Any

from django.db import router, transaction
from django.db.models import Model, QuerySet

from django_taskq.control import database_of, durable_aliases
from django_taskq.missing_tables import find_missing
from django_taskq.models import Queue, Tenant

BATCH = 500


def databases() -> list[str]:
    """Return the databases whose rows count: those that hold jobs, or else the router's choice.

    Pools read the rows that the router chooses; where no alias is durable they are all there is.
    """
    holding = [database_of(alias) for alias in durable_aliases()]
    return list(dict.fromkeys(holding)) or [router.db_for_write(Tenant)]


def find_obstacle(database: str) -> str | None:
    """Return in a sentence which of the tables are missing in a database, or None."""
    missing = find_missing(database, (Queue, Tenant))
    return None if missing is None else str(missing)


def rule[R: Tenant | Queue](kind: type[R], name: str, database: str, **values: Any) -> R:
    """Write some columns of a tenant's or a queue's row, in one made now if there is none.

    Raise ValidationError for a name or a value that cannot be.
    """
    _check(kind(name=name, **values))
    row: R
    row, _ = _rows(kind, database).update_or_create(name=name, defaults=values)
    return row


def pause[R: Tenant | Queue](kind: type[R], name: str, database: str) -> bool:
    """Have no job of a tenant or queue start; False where it was paused before.

    A row is made where there is none. Raise ValidationError for a name that cannot be.
    """
    _check(kind(name=name))
    rows = _rows(kind, database)
    row, is_new = rows.get_or_create(name=name, defaults={"paused": True})
    return is_new or bool(switch(rows.filter(pk=row.pk), is_paused=True))


def resume[R: Tenant | Queue](kind: type[R], name: str, database: str) -> bool:
    """Let the jobs of a tenant or queue start again; False where it was not paused.

    Raise ValidationError for a name that cannot be.
    """
    _check(kind(name=name))
    return bool(switch(_rows(kind, database).filter(name=name), is_paused=False))


def switch[R: Tenant | Queue](rows: QuerySet[R], *, is_paused: bool) -> list[R]:
    """Pause or resume the tenants or queues of some rows; return those that this changed."""
    with transaction.atomic(using=rows.db):
        changed = list(rows.filter(paused=not is_paused).select_for_update())
        for row in changed:
            row.paused = is_paused
        _rows(rows.model, rows.db).bulk_update(changed, ["paused"], BATCH)
    return changed


def _rows(kind: type[Model], database: str) -> Any:
    return kind._default_manager.using(database)


def _check(row: Tenant | Queue) -> None:
    # That no other row has the name is for the database to say, at the moment of the write.
    row.full_clean(validate_unique=False, validate_constraints=False)
