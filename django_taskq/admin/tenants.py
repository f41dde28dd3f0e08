"""Tenants in the admin: what operators say of them, what they have and what they were given."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, places, rule_cells
from django_taskq.admin.rule_numbers import TenantPage, servers, tenant_page
from django_taskq.admin.rule_words import TENANTS
from django_taskq.admin.rules import RuleAdmin
from django_taskq.admin.switching import switch_address
from django_taskq.jobs.servings import Served
from django_taskq.models import Tenant


class TenantAdmin(RuleAdmin):
    """Shows and edits the rows of tenants. A page reads the numbers of its own tenants alone."""

    list_display = (
        "name_cell", "paused_cell", "switch", "weight", "had", "share", "ready", "oldest", "waited",
        "scheduled", "deferred", "running", "max_running", "rate", "max_rate", "served_by",
        "stolen",
    )  # fmt: skip
    edited = ("name", "paused", "weight", "max_running", "max_rate")
    words = TENANTS
    seen = (
        "ready", "oldest", "waited", "scheduled", "deferred", "running_of", "rate_of", "had",
        "share", "served_by", "stolen", "silent_cell", "switch",
    )  # fmt: skip

    def show_numbers(self, rows: Sequence[Any], request: HttpRequest) -> TenantPage:
        """Put on each row what its tenant has waiting and was given."""
        aliases = places.aliases_in(places.database_of_rule(request))
        shown = tenant_page(aliases, [row.name for row in rows])
        for row in rows:
            row.numbers, row.served = shown.of(row.name), shown.served
            row.servers = servers(shown.workers, row.name)
        return shown

    def context_of_list(self, shown: TenantPage, request: HttpRequest) -> dict[str, Any]:
        """Return where the tenants without a row are."""
        chosen = f"{places.DATABASE_PARAMETER}={places.database_of_rule(request)}"
        tool = {"shown": gettext("Without a row"), "address": f"{self._address('others')}?{chosen}"}
        return {"silent": list(shown.silent.values()), "tools": [tool]}

    # The page of those without a row.

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the tenants that have no row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_others"
        view = self.admin_site.admin_view(self.others_view)
        return [path("others/", view, name=name), *super().get_urls()]

    def others_view(self, request: HttpRequest) -> HttpResponse:
        """Show tenants that have ready jobs and no row: the first of each queue."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        database = places.database_of_rule(request)
        shown = tenant_page(places.aliases_in(database), None)
        names = list(shown.by_name)
        rows = Tenant._default_manager.using(database).filter(name__in=names)
        names = sorted(set(names) - set(rows.values_list("name", flat=True)))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Tenants without a row"),
            "opts": self.opts,
            "list_address": f"{self._address('changelist')}?{places.DATABASE_PARAMETER}={database}",
            "silent": list(shown.silent.values()),
            "others_title": gettext("Tenants with ready jobs and no row"),
            "others_told": gettext(
                "They weigh 1 and have no limits. Of many only the first are shown."
            ),
            "others_none": gettext("Every tenant whose jobs were looked at has a row."),
            "others_columns": (
                _("tenant"), *rule_cells.DEPTHS, _("had of the last hour"), _("served by"),
                _("switch"),
            ),
            "others": [self._other(name, shown, database, request) for name in names],
        }  # fmt: skip
        return TemplateResponse(request, "admin/django_taskq/rule/others_page.html", context)

    def _other(
        self, name: str, shown: TenantPage, database: str, request: HttpRequest
    ) -> dict[str, Any]:
        may_pause = self.has_change_permission(request) and self.has_add_permission(request)
        return {
            "name": cells.tenant(name),
            "cells": (
                *rule_cells.depth(shown.of(name)),
                rule_cells.had(shown.served, name),
                rule_cells.served_by(servers(shown.workers, name)),
                switch_address(self, name, database, is_paused=False) if may_pause else "",
            ),
        }

    # Columns.

    @admin.display(description=_("had of the last hour"))
    def had(self, tenant: Tenant) -> str:
        """Return the part of the worker time that the tenant had."""
        return rule_cells.had(_served(tenant), tenant.name)

    @admin.display(description=_("its weight gives"))
    def share(self, tenant: Tenant) -> str:
        """Return what the weight gives the tenant beside those that had worker time."""
        return rule_cells.due(_served(tenant), tenant.name, tenant.weight)

    @admin.display(description=_("waited, on average"))
    def waited(self, tenant: Tenant) -> str:
        """Return how long its jobs waited for their start."""
        return rule_cells.waited(_served(tenant), tenant.name)

    @admin.display(description=_("ended per second"))
    def rate(self, tenant: Tenant) -> str:
        """Return how many of its attempts ended per second of the last hour."""
        return rule_cells.ended_per_second(_served(tenant), tenant.name, timezone.now())

    @admin.display(description=_("ended per second, of at most"))
    def rate_of(self, tenant: Tenant) -> str:
        """Return how many of its attempts ended per second, and how many may start."""
        told = self.rate(tenant)
        if tenant.max_rate is None:
            return told
        return gettext("%(done)s of %(total)s") % {"done": told, "total": tenant.max_rate}

    @admin.display(description=_("served by"))
    def served_by(self, tenant: Tenant) -> str:
        """Return by how many live workers the tenant is served."""
        return rule_cells.served_by(getattr(tenant, "servers", ()))

    @admin.display(description=_("stolen in the last hour"))
    def stolen(self, tenant: Tenant) -> str:
        """Return how many of its attempts ran on workers that serve others first."""
        return rule_cells.stolen(_served(tenant), tenant.name)

    def _address(self, page: str) -> str:
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}",
            current_app=self.admin_site.name,
        )


def _served(tenant: Any) -> Mapping[str, Served]:
    served: Mapping[str, Served] = getattr(tenant, "served", {})
    return served
