"""Tests leave nothing to one another."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections

from django_taskq.models import Queue, Schedule, Tenant
from tests import leftovers
from tests.running import DURABLE

each_database = pytest.mark.parametrize(
    "alias",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in DURABLE
    ],
)


@each_database
@pytest.mark.parametrize("grown", [0, leftovers.GROWN], ids=["grown", "small"])
def test_rows_go_and_what_the_migrations_made_stays(
    alias: str, grown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "GROWN", grown)
    user = User.objects.using(alias).create(username="ann")
    permission = Permission.objects.using(alias).first()
    assert permission is not None
    user.user_permissions.add(permission)
    Tenant.objects.using(alias).create(name="acme")
    Queue.objects.using(alias).create(name="mail")

    leftovers.remove_leftovers(alias)

    for model in (User, User.user_permissions.through, Tenant, Queue, Schedule):
        assert not model._default_manager.using(alias).exists()
    assert Permission.objects.using(alias).contains(permission)


@each_database
def test_an_empty_database_is_not_written_to(alias: str) -> None:
    statements: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        statements.append(sql)
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(note):
        leftovers.remove_leftovers(alias)
    assert not [sql for sql in statements if not sql.lstrip().startswith(("SELECT", "PRAGMA"))]
