"""Queues in the admin: what operators say of them, what waits and runs, and who serves them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, places, rule_cells
from django_taskq.admin.rule_numbers import QueuePage, queue_page, tenants_in
from django_taskq.admin.rule_words import QUEUES
from django_taskq.admin.rules import RuleAdmin
from django_taskq.admin.switching import switch_address
from django_taskq.models import Queue


class QueueAdmin(RuleAdmin):
    """Shows and edits the rows of queues, and shows those that have jobs and no row."""

    list_display = (
        "name_cell", "paused_cell", "switch", "ready", "oldest", "scheduled", "deferred", "running",
        "max_running", "rate", "served_by",
    )  # fmt: skip
    edited = ("name", "paused", "max_running")
    words = QUEUES
    seen = (
        "ready", "oldest", "scheduled", "deferred", "running_of", "rate", "served_by",
        "silent_cell", "switch", "by_tenant",
    )  # fmt: skip

    def show_numbers(self, rows: Sequence[Any], request: HttpRequest) -> QueuePage:
        """Put on each row what its queue has waiting and running."""
        shown = queue_page(places.aliases_in(places.database_of_rule(request)))
        for row in rows:
            row.numbers, row.rate = shown.of(row.name), shown.rates.get(row.name)
        return shown

    def show_parts(self, row: Any, request: HttpRequest) -> None:
        """Put on a row what its first tenants have waiting."""
        aliases = places.aliases_in(places.database_of_rule(request))
        row.tenants = tenants_in(aliases, row.name)

    def context_of_list(self, shown: QueuePage, request: HttpRequest) -> dict[str, Any]:
        """Return the queues without a row; there is no limit on them, and they are not paused."""
        database = places.database_of_rule(request)
        known = set(Queue._default_manager.using(database).values_list("name", flat=True))
        names = sorted((shown.by_name.keys() | shown.rates.keys()) - known)
        may_pause = self.has_change_permission(request) and self.has_add_permission(request)
        return {
            "silent": list(shown.silent.values()),
            "others_title": gettext("Queues without a row"),
            "others_told": gettext(
                "They have jobs, or had some within the last minutes, and no limits."
            ),
            "others_columns": (
                _("queue"),
                *rule_cells.DEPTHS,
                _("rate"),
                _("served by"),
                _("switch"),
            ),
            "others": [
                {
                    "name": cells.line(name),
                    "cells": (
                        *rule_cells.depth(shown.of(name)),
                        rule_cells.rate(shown.rates.get(name)),
                        rule_cells.workers(shown.of(name).workers),
                        switch_address(self, name, database, is_paused=False) if may_pause else "",
                    ),
                }
                for name in names
            ],
        }

    @admin.display(description=_("rate, last 5 minutes"))
    def rate(self, queue: Queue) -> str:
        """Return how many attempts end per second."""
        return rule_cells.rate(getattr(queue, "rate", None))

    @admin.display(description=_("served by"))
    def served_by(self, queue: Queue) -> str:
        """Return by how many live workers the queue is served."""
        return rule_cells.workers(self._workers(queue))

    @admin.display(description=_("by tenant"))
    def by_tenant(self, queue: Queue) -> SafeString | str:
        """Return what the first tenants have in the queue, those with most ready jobs first."""
        tenants: Any = getattr(queue, "tenants", {})
        ordered = sorted(tenants, key=lambda name: (-tenants[name].depth.ready, name))
        rows = ((cells.tenant(name), *rule_cells.depth(tenants[name])) for name in ordered)
        return rule_cells.table((_("tenant"), *rule_cells.DEPTHS), rows)

    def _workers(self, queue: Any) -> int:
        return queue.numbers.workers if hasattr(queue, "numbers") else 0
