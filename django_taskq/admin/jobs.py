"""Jobs in the admin: a list that is fast at millions of rows, and everything about one."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import deeds, filters, places
from django_taskq.admin.actions import Words
from django_taskq.admin.failures import FailurePages
from django_taskq.admin.job_columns import JobColumns
from django_taskq.admin.job_details import JobDetails
from django_taskq.admin.job_payloads import JobPayloads
from django_taskq.admin.listing import JobList
from django_taskq.admin.live_jobs import LiveJobs
from django_taskq.admin.overview import OverviewPage
from django_taskq.admin.paging import CappedPaginator
from django_taskq.admin.spines import spine_of
from django_taskq.admin.wanted import PARAMETERS, wanted_in
from django_taskq.models import Job

type Sections = tuple[tuple[Words | None, dict[str, Any]], ...]

# What only those see who may see payloads.
PAYLOAD = frozenset({
    "reason_line", "args_block", "kwargs_block", "options_block", "metadata_block",
    "context_block", "progress_block", "result_block", "xcom_block", "tries_block",
})  # fmt: skip
SECTIONS: tuple[tuple[Words | None, tuple[str, ...]], ...] = (
    (
        None,
        (
            "id", "task_name", "state_cell", "why_line", "reason_line", "backend", "queue_name",
            "tenant_name", "task_id_name", "about_link", "run_link", "priority", "limits", "tries",
            "lost", "lists",
        ),
    ),
    (_("Call"), ("args_block", "kwargs_block", "options_block", "metadata_block", "context_block")),
    (_("Outcome"), ("progress_block", "result_block", "xcom_block", "tries_block")),
    (_("Time"), ("timeline", "schedule_cell", "wait", "run_time")),
    (_("Dependencies"), ("dependencies",)),
    (_("Workers"), ("worker", "workers")),
)  # fmt: skip


class JobAdmin(OverviewPage, FailurePages, LiveJobs, JobColumns, JobDetails, JobPayloads):
    """Shows jobs. Nothing is added, changed or deleted here but by the actions."""

    list_display = (
        "id", "task_name", "state_cell", "queue_name", "tenant_name", "priority", "enqueued",
        "wait", "run_time", "tries", "task_id_name",
    )  # fmt: skip
    list_filter = (
        filters.DatabaseFilter, filters.StateFilter, filters.ApartFilter, filters.BackendFilter,
        filters.TimeFilter, filters.QueueFilter, filters.TenantFilter, filters.TaskFilter,
        filters.FailureFilter, filters.ErrorFilter, filters.WorkerFilter, filters.ScheduleFilter,
        filters.RunFilter, filters.AboutFilter,
    )  # fmt: skip
    sortable_by = ()
    search_fields = ("public_id",)
    search_help_text = _(
        "The id of a job; or exactly a task_id, a task (its name or its path) or a tenant. A "
        "task_id is found among all jobs of the tenant that is chosen, else of no tenant."
    )
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    paginator = CappedPaginator

    class Media:
        css = {"all": ("django_taskq/taskq.css",)}

    # What the reader may do.

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: jobs are enqueued."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Refuse: only the store changes a job."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Refuse: only the store deletes a job, by an action."""
        return False

    def may_see_payload(self, request: HttpRequest) -> bool:
        """Tell whether the reader may see arguments, results and errors."""
        return deeds.may(request, "view_payload_job")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse all but the filters that are offered: no index serves others."""
        return lookup in PARAMETERS

    # What is read.

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """Return the sections of a job's page; who may not see its payload sees that it is not."""
        may_see = self.may_see_payload(request)
        shown = [
            (name, tuple(field for field in fields if may_see or field not in PAYLOAD))
            for name, fields in SECTIONS
        ]
        if not may_see:
            shown.insert(1, (_("Payload"), ("hidden_line",)))
        return tuple((name, {"fields": fields}) for name, fields in shown if fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> tuple[str, ...]:
        """Return all fields of a job's page."""
        sections: Sections = self.get_fieldsets(request, obj)
        return tuple(field for _, section in sections for field in section["fields"])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JobList]:
        """Return the list that leaves payloads out."""
        return JobList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with what of its address could not be read."""
        if self.has_view_permission(request):
            for problem in wanted_in(request).problems:
                messages.warning(request, problem)
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs of the database that the page is about."""
        return Job._default_manager.using(places.database_of_page(request)).order_by(
            *self.get_ordering(request)
        )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the order of the index that serves the list."""
        return spine_of(wanted_in(request)).order

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Leave the rows as they are: the list searches as it filters."""
        return queryset, False
