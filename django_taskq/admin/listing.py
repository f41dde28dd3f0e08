"""The list of jobs: the wanted rows, without payloads, each with a link to its page."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from django_taskq.admin.paging import MOST
from django_taskq.admin.spines import narrowed
from django_taskq.admin.wanted import wanted_in

_COLUMNS = (
    "seq", "public_id", "backend", "task", "state", "failure", "queue", "tenant", "priority",
    "tries", "enqueued_at", "eligible_at", "claimed_at", "started_at", "last_attempted_at",
    "finished_at", "task_id",
)  # fmt: skip


class JobList(ChangeList):
    """The list of jobs: reads no payloads, links to jobs by their public id."""

    most = MOST

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        """Return the wanted rows without the columns that can be large.

        `is_cut` tells, of the list and of the rows, that filters looked through the first alone.
        """
        found: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        rows, self.is_cut = narrowed(found, wanted_in(request))
        return rows.only(*_COLUMNS)

    def url_for_result(self, result: Model) -> str:
        """Return where the details of a job are."""
        site = self.model_admin.admin_site
        public_id = getattr(result, "public_id")  # noqa: B009  the stubs know only Model
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_change",
            args=(str(public_id),),
            current_app=site.name,
        )
