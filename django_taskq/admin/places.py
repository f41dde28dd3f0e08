"""Which database and which alias a page is about."""

from uuid import UUID

from django.db import connections, router
from django.http import HttpRequest, QueryDict

from django_taskq import control
from django_taskq.jobs.ids import parse_id
from django_taskq.models import Job

DATABASE_PARAMETER = "database"
BACKEND_PARAMETER = "backend"
# Under which Django's admin carries the filters of a list along.
LIST_PARAMETER = "_changelist_filters"


def databases() -> list[str]:
    """Return the databases that hold jobs of durable aliases, those of the first alias first."""
    found = [control.database_of(alias) for alias in control.durable_aliases()]
    return list(dict.fromkeys(found)) or [router.db_for_read(Job)]


def chosen_database(request: HttpRequest) -> str:
    """Return the database that a list shows."""
    wanted = request.GET.get(DATABASE_PARAMETER)
    held = databases()
    return wanted if wanted in held and wanted in connections else held[0]


def database_of_rule(request: HttpRequest) -> str:
    """Return the database that a page about tenants or queues reads and writes: the list's.

    The pages that are reached from a list carry its filters; their rows' keys tell nothing, for
    another database may have the same.
    """
    if DATABASE_PARAMETER in request.GET:
        return chosen_database(request)
    held = databases()
    wanted = QueryDict(request.GET.get(LIST_PARAMETER)).get(DATABASE_PARAMETER)
    return wanted if wanted in held and wanted in connections else held[0]


def aliases_in(database: str) -> list[str]:
    """Return the durable aliases whose jobs are in a database."""
    return [alias for alias in control.durable_aliases() if control.database_of(alias) == database]


def chosen_alias(request: HttpRequest) -> str | None:
    """Return the alias that a list of one state shows: the one named, or the first."""
    known = aliases_in(chosen_database(request))
    wanted = request.GET.get(BACKEND_PARAMETER)
    return wanted if wanted in known else next(iter(known), None)


def database_of_page(request: HttpRequest) -> str:
    """Return the database that a page reads: the list's, or the one its job or worker is in."""
    match = request.resolver_match
    object_id = match.kwargs.get("object_id") if match is not None else None
    id = parse_id(object_id)
    held = databases()
    if id is None or len(held) < 2:
        return chosen_database(request)
    found = (
        name
        for name in held
        if Job._default_manager.using(name).filter(public_id=UUID(id)).exists()
    )
    return next(found, held[0])


def is_own_page(request: HttpRequest) -> bool:
    """Tell whether the page is a row's own, not its history or the question of its deletion."""
    match = request.resolver_match
    return match is None or (match.url_name or "").endswith("_change")
