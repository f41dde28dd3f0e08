"""Pages of a list that may have millions of rows: nothing is ever counted to the end."""

from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse

MOST = 10_000


class CappedPaginator(Paginator):
    """Counts to MOST and no further; what lies beyond is reached by a filter."""

    @cached_property
    def _counted(self) -> int:
        listed: Any = self.object_list
        # Its order stays in the count: it keeps the planner on the index that ends early.
        return int(listed.values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        """The rows that can be paged through."""
        return min(self._counted, MOST)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than can be paged through."""
        return self._counted > MOST


class JobList(ChangeList):
    """The list of jobs: reads no payloads, links to jobs by their public id."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        """Return the rows without the columns that can be large."""
        found: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        return found.only(*_COLUMNS)

    def url_for_result(self, result: Model) -> str:
        """Return where the details of a job are."""
        site = self.model_admin.admin_site
        public_id = getattr(result, "public_id")  # noqa: B009  the stubs know only Model
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_change",
            args=(str(public_id),),
            current_app=site.name,
        )


_COLUMNS = (
    "seq", "public_id", "backend", "task", "state", "failure", "queue", "tenant", "priority",
    "tries", "enqueued_at", "eligible_at", "claimed_at", "started_at", "last_attempted_at",
    "finished_at", "task_id",
)  # fmt: skip
