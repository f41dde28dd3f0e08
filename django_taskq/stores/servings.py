"""Servings as rows of a database, for every store that has one."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, Sum, Value, When

from django_taskq.jobs.rollups import second_of
from django_taskq.jobs.servings import KEPT, Served, Serving, start_of
from django_taskq.models import Serving as Row
from django_taskq.models import Tenant

NUMBERS = ("attempts", "seconds", "stolen", "waits", "wait_seconds")
# Tenants of one statement.
CHUNK = 200

type Key = tuple[bool, str]


class ServingRows:
    """Adds to the rows of one alias, and reads them. All lock rows in one order."""

    def __init__(self, database: str, backend: str) -> None:
        self._database = database
        self._backend = backend
        self._pruned: datetime | None = None

    def add(self, servings: Sequence[Serving], now: datetime) -> None:
        """Add to the rows of the span that goes on, a few statements for each CHUNK of tenants."""
        start = start_of(now)
        chunks = list(batched(sorted(servings, key=_key), CHUNK))
        # All that lack a row are given one before any row is locked, both in the order of their
        # keys: who inserted while it held others would meet somebody who does the reverse.
        with transaction.atomic(using=self._database):
            for chunk in chunks:
                self._make(chunk, second_of(start))
        with transaction.atomic(using=self._database):
            for chunk in chunks:
                self._add(chunk, second_of(start))
        if start != self._pruned:
            self._rows().filter(start__lt=second_of(now - KEPT)).delete()
            self._pruned = start

    def read(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what was given in the spans that began at a moment or later."""
        start = start_of(since)
        rows = self._rows().filter(start__gte=second_of(start))
        sums = {name: Sum(name) for name in NUMBERS}
        named = rows.filter(is_rest=False, tenant__in=tenants).order_by().values_list("tenant")
        found = {
            tenant: Serving(tenant, *numbers)
            for tenant, *numbers in (named.annotate(**sums) if tenants else ())
        }
        of_all = rows.aggregate(
            seconds=Sum("seconds"), tenants=Count("tenant", distinct=True, filter=Q(is_rest=False))
        )
        weight = of_all["tenants"]
        if weight:
            # Who has no row weighs 1.
            heavy = Tenant._default_manager.using(self._database).filter(
                weight__gt=1, name__in=rows.filter(is_rest=False).order_by().values("tenant")
            )
            weight += heavy.aggregate(more=Sum(F("weight") - 1))["more"] or 0
        return Served(start, of_all["seconds"] or 0.0, weight, found)

    def _rows(self) -> QuerySet[Row]:
        return Row._default_manager.using(self._database).filter(backend=self._backend)

    def _make(self, servings: Iterable[Serving], start: int) -> None:
        """Make rows for those that have none; somebody else may do so at the same time."""
        keys = [_key(serving) for serving in servings]
        lacking = sorted(set(keys) - set(self._of(keys, start).values_list("is_rest", "tenant")))
        if lacking:
            Row._default_manager.using(self._database).bulk_create(
                [
                    Row(backend=self._backend, start=start, is_rest=is_rest, tenant=tenant)
                    for is_rest, tenant in lacking
                ],
                ignore_conflicts=True,
            )

    def _add(self, servings: Iterable[Serving], start: int) -> None:
        by_key = {_key(serving): serving for serving in servings}
        rows = self._of(by_key, start)
        list(rows.order_by("is_rest", "tenant").select_for_update().values_list("pk"))
        self._write(rows, by_key)

    def _of(self, keys: Iterable[Key], start: int) -> QuerySet[Row]:
        keys = list(keys)
        return self._rows().filter(
            start=start,
            is_rest__in={is_rest for is_rest, _ in keys},
            tenant__in={tenant for _, tenant in keys},
        )

    def _write(self, rows: QuerySet[Row], by_key: dict[tuple[bool, str], Serving]) -> None:
        more = {
            name: F(name) + Case(
                *(
                    When(Q(is_rest=is_rest, tenant=tenant), then=Value(getattr(serving, name)))
                    for (is_rest, tenant), serving in by_key.items()
                ),
                default=Value(0),
                output_field=_FIELDS[name],
            )
            for name in NUMBERS
        }  # fmt: skip
        rows.update(**more)


_FIELDS: dict[str, Any] = {name: Row._meta.get_field(name) for name in NUMBERS}


def _key(serving: Serving) -> Key:
    return serving.is_rest, serving.tenant
