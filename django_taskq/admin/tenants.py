"""Tenants in the admin: what operators say of them, their shares, what waits and runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin

from django_taskq.admin import cells
from django_taskq.admin.rules import RuleAdmin
from django_taskq.jobs.insights import LaneCount
from django_taskq.models import Tenant
from django_taskq.standings import TenantStanding, shares_in, tenants_in


class TenantAdmin(RuleAdmin):
    """Shows and edits the rows of tenants."""

    list_display = (
        "name_cell", "paused", "weight", "share", "max_running", "max_rate", "ready", "scheduled",
        "deferred", "running",
    )  # fmt: skip
    fields = ("name", "paused", "weight", "max_running", "max_rate")

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> list[TenantStanding]:
        """Return how the tenants of a database stand."""
        return tenants_in(database, lanes)

    def add_numbers(
        self, rows: Sequence[Any], database: str, lanes: dict[str, list[LaneCount]]
    ) -> None:
        """Put on each row its tenant's share of the worker time of each alias."""
        shares = {alias: shares_in(database, found) for alias, found in lanes.items()}
        for row in rows:
            row.shares = {
                alias: found[row.name] for alias, found in shares.items() if row.name in found
            }
            row.has_choice = len(shares) > 1

    @admin.display(description="share of worker time")
    def share(self, tenant: Tenant) -> str:
        """Return what the weight gives the tenant beside those that wait now."""
        shares: dict[str, float] = getattr(tenant, "shares", {})
        has_choice = getattr(tenant, "has_choice", False)
        parts = (
            f"{100 * part:.3g} %{f' of {alias}' if has_choice else ''}"
            for alias, part in shares.items()
        )
        return cells.line(", ".join(parts))
