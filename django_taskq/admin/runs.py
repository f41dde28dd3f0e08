"""Pipeline runs in the admin: the newest ones, and the graph of one."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override

from django_taskq import control
from django_taskq.admin import cells
from django_taskq.admin.actions import Told, Words
from django_taskq.admin.confirming import confirm, is_confirmed
from django_taskq.admin.drawing import draw
from django_taskq.admin.entries import log_run
from django_taskq.admin.run_grid import MOST_LOOKED_AT, Cell, grid_of
from django_taskq.exceptions import RunDoesNotExist
from django_taskq.jobs.filters import RunFilter
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.run import OVER, Node, RunRecord, RunStatus
from django_taskq.management.runs import counts_of
from django_taskq.models import Job, Run
from django_taskq.pipelines.listing import backend_of, find_runs
from django_taskq.pipelines.run import PipelineRun, get_run

MOST_RUNS = 50
# What can be done to a run: the button, what it asks, what was done, how.
VERBS: dict[str, tuple[Words, Words, Told, Callable[[PipelineRun], int]]] = {
    "retry": (
        gettext_lazy("Retry what failed"),
        gettext_lazy("Its failed steps run again with fresh tries, then what waits for them."),
        lambda count: ngettext(
            "%(count)d job runs again.", "%(count)d jobs run again.", count
        ) % {"count": count},
        PipelineRun.retry_failed,
    ),
    "cancel": (
        gettext_lazy("Cancel the run"),
        gettext_lazy("Its jobs that wait are canceled, those that run are asked to stop."),
        lambda count: ngettext(
            "%(count)d job was canceled, or asked to stop.",
            "%(count)d jobs were canceled, or asked to stop.",
            count,
        ) % {"count": count},
        PipelineRun.cancel,
    ),
}  # fmt: skip


class RunAdmin(admin.ModelAdmin):
    """Shows runs to who may see jobs. They are read and changed by their stores alone."""

    # What the reader may do.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it to who may see jobs."""
        return self._may(request, "view")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Allow it to who may see jobs."""
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: pipelines are enqueued."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: only the store changes a job."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: only the store deletes a job."""
        return False

    # Its pages.

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the newest runs, of one tenant where that is asked for."""
        self._check(request, "view")
        tenant = request.GET.get("tenant") or None
        found = find_runs(RunFilter(tenant=tenant, limit=MOST_RUNS), control.durable_aliases())
        context = {
            "title": _("Pipeline runs"),
            "rows": [self._row(run) for run in found],
            "tenant": tenant or "",
            "most": MOST_RUNS,
        }
        return self._page(request, "list", context | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a run with its graph; retry or cancel it where its form was sent."""
        self._check(request, "view")
        run = self._found(object_id)
        if request.method == "POST":
            return self._act(request, run)
        context = {
            "title": _("Pipeline run"),
            "run": run,
            "status": str(run.status),
            "drawing": draw(run.graph(), self._link),
            "nodes": [self._node(node) for node in run.graph().nodes],
            "may_cancel": run.status not in OVER and self._may(request, "cancel"),
            "may_retry": run.status != RunStatus.SUCCESSFUL and self._may(request, "retry"),
            "runs_url": self._url("changelist"),
            "grid_url": self._url("grid", run.id),
        }
        return self._page(request, "run", context | (extra_context or {}))

    # Their steps.

    def _act(self, request: HttpRequest, run: PipelineRun) -> HttpResponse:
        verb = next((verb for verb in VERBS if verb in request.POST), None)
        if verb is None:
            return HttpResponseRedirect(request.path)
        self._check(request, verb)
        button, asked, past, change = VERBS[verb]
        if not is_confirmed(request):
            hidden = [(verb, "yes")]
            return confirm(self, request, button, asked, [run.id], hidden, request.path)
        count = change(run)
        # What the log keeps is in one language.
        with override(None):
            log_run(request, run.id, past(count))
        messages.success(request, past(count))
        return HttpResponseRedirect(request.path)

    def get_urls(self) -> list[URLPattern]:
        """Add the grid of runs like one of them."""
        view = self.admin_site.admin_view(self.grid_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_grid"
        return [path("<uuid:run_id>/grid/", view, name=name), *super().get_urls()]

    def grid_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Show the newest runs with the same steps as one, a row for each."""
        self._check(request, "view")
        id = str(run_id)
        alias = backend_of(id, control.durable_aliases())
        if alias is None:
            raise Http404(_("There is no such run."))
        newest = find_runs(RunFilter(limit=MOST_LOOKED_AT), [alias])
        if id not in {run.id for run in newest}:
            newest = [*newest, *find_runs(RunFilter(run_id=id), [alias])]
        found = grid_of(id, newest, control.database_of(alias))
        context = {
            "title": _("Runs by step"),
            "run_id": id,
            "run_url": self._url("change", id),
            "runs_url": self._url("changelist"),
            "looked_at": MOST_LOOKED_AT,
            "steps": [cells.line(step) for step in found.steps],
            "rows": [self._grid_row(run, row, found.steps) for run, row in found.rows],
        }
        return self._page(request, "grid", context)

    def _grid_row(
        self, run: RunRecord, row: Sequence[Cell | None], steps: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "id": run.id,
            "address": self._url("change", run.id),
            "enqueued": cells.moment(run.enqueued_at),
            "status": str(run.status),
            "cells": [
                cell and {
                    "style": cell.style,
                    "told": cell.told,
                    "label": _("%(step)s of run %(run)s: %(told)s") % {
                        "step": cells.line(step), "run": run.id, "told": cell.told,
                    },
                    "address": self._job_link(cell.id),
                }
                for cell, step in zip(row, steps, strict=True)
            ],
        }  # fmt: skip

    def _found(self, object_id: str) -> PipelineRun:
        id = parse_id(object_id)
        alias = None if id is None else backend_of(id, control.durable_aliases())
        if id is None or alias is None:
            raise Http404(_("There is no such run."))
        try:
            return get_run(id, alias)
        except RunDoesNotExist as error:
            raise Http404(str(error)) from error

    def _row(self, run: RunRecord) -> dict[str, Any]:
        return {
            "link": format_html('<a href="{}">{}</a>', self._url("change", run.id), run.id),
            "status": str(run.status),
            "tenants": cells.line(", ".join(run.tenants)),
            "states": cells.line(counts_of(run.states)),
            "enqueued": cells.moment(run.enqueued_at),
            "finished": cells.moment(run.finished_at),
            "backend": run.backend,
        }

    def _node(self, node: Node) -> dict[str, Any]:
        return {
            "name": cells.line(node.name),
            "link": self._link(node),
            "state": node.state,
            "task": cells.line(node.task),
            "items": counts_of(node.states) if node.is_mapped else "",
        }

    def _link(self, node: Node) -> str:
        return "" if node.id is None else self._job_link(node.id)

    def _job_link(self, id: str) -> str:
        if not self.admin_site.is_registered(Job):
            return ""
        opts = Job._meta
        return reverse(
            f"admin:{opts.app_label}_{opts.model_name}_change",
            args=(id,),
            current_app=self.admin_site.name,
        )

    def _url(self, page: str, *args: str) -> str:
        opts = Run._meta
        return reverse(
            f"admin:{opts.app_label}_{opts.model_name}_{page}",
            args=args,
            current_app=self.admin_site.name,
        )

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        return TemplateResponse(
            request,
            f"admin/django_taskq/run/{name}.html",
            {**self.admin_site.each_context(request), "opts": Run._meta, **context},
        )

    def _may(self, request: HttpRequest, verb: str) -> bool:
        return request.user.has_perm(f"django_taskq.{verb}_job")

    def _check(self, request: HttpRequest, verb: str) -> None:
        if not self._may(request, verb):
            raise PermissionDenied
