"""The actions in the list of jobs and on a job's page: each asks first, and says about how many."""

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import actions, deeds, places
from django_taskq.admin.actions import acts
from django_taskq.admin.bulk_pages import BulkPages
from django_taskq.admin.paging import MOST
from django_taskq.admin.spines import narrowed
from django_taskq.admin.wanted import wanted_in
from django_taskq.models import Job

JOB_PAGE = "job_page"
QUESTION = "admin/django_taskq/job/question.html"


class JobActions(BulkPages):
    """The actions of the list of jobs; each has a permission of its own."""

    actions = (
        "retry_jobs", "cancel_jobs", "requeue_jobs", "run_jobs_now", "amend_jobs", "delete_jobs",
    )  # fmt: skip

    @acts("retry", _("Retry"), _("Retry the selected jobs"))
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Run failed, canceled and skipped jobs again, with fresh tries."""
        return self._act(request, queryset, "retry_jobs")

    @acts("cancel", _("Cancel"), _("Cancel the selected jobs"))
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Cancel jobs that wait, ask running ones to stop."""
        return self._act(request, queryset, "cancel_jobs")

    @acts("requeue", _("Enqueue a copy"), _("Enqueue a copy of the selected jobs"))
    def requeue_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Enqueue a copy of each job."""
        return self._act(request, queryset, "requeue_jobs")

    @acts("run", _("Run now"), _("Run the selected scheduled jobs now"))
    def run_jobs_now(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Make scheduled jobs ready before their time."""
        return self._act(request, queryset, "run_jobs_now")

    @acts(
        "amend", _("Change queue or priority"), _("Change queue or priority of the selected jobs")
    )
    def amend_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Give waiting jobs another queue or priority."""
        return self._act(request, queryset, "amend_jobs")

    @acts("remove", _("Delete"), _("Delete the selected ended jobs"))
    def delete_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Delete ended jobs and their history."""
        return self._act(request, queryset, "delete_jobs")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may retry jobs."""
        return deeds.may(request, "retry_job")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may cancel jobs."""
        return deeds.may(request, "cancel_job")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may enqueue copies."""
        return deeds.may(request, "requeue_job")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may run jobs before their time."""
        return deeds.may(request, "run_job")

    def has_amend_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may give jobs another queue or priority."""
        return deeds.may(request, "amend_job")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may delete jobs, which the store does."""
        return deeds.may(request, "delete_job")

    # Their steps.

    def _act(self, request: HttpRequest, queryset: QuerySet[Job], name: str) -> HttpResponse | None:
        """Ask about the jobs; once that is confirmed, do it, or begin with it where it is all."""
        options, problem = deeds.options_of(request, name)
        if not request.POST.get("confirmed"):
            return self._ask(request, queryset, name, None)
        if problem is not None:
            return self._ask(request, queryset, name, problem)
        if request.POST.get("select_across") == "1":
            if wanted_in(request).problems:
                # The list tells which; what could not be read must not stand for all jobs.
                return None
            return self.begin_bulk(request, name, options)
        deed = deeds.DEEDS[name]
        picked = actions.picked_of(queryset)
        actions.run_picked(request, picked, deed.verb_with(options), deed.past, deed.why)
        if request.POST.get(JOB_PAGE) and len(picked) == 1 and deed.verb is not actions.delete:
            return HttpResponseRedirect(self._page_of(picked[0].id))
        return None

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Job], name: str, problem: str | None
    ) -> HttpResponse:
        deed = deeds.DEEDS[name]
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        is_all = request.POST.get("select_across") == "1"
        is_on_page = "object_id" in (
            request.resolver_match.kwargs if request.resolver_match else {}
        )
        # Its order stays in the count: it keeps the planner on the index that ends early.
        count = queryset.values("pk")[: MOST + 1].count()
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("%(deed)s: jobs") % {"deed": deed.title},
            "opts": self.opts,
            "deed": deed,
            "name": name,
            "count": min(count, MOST),
            "is_more": count > MOST,
            "is_cut": is_all and narrowed(self.get_queryset(request), wanted_in(request)).is_cut,
            "is_all": is_all,
            "asks_for_amendment": name == deeds.AMEND,
            "queue": request.POST.get("queue", ""),
            "priority": request.POST.get("priority", ""),
            "problem": problem,
            "selected": selected,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "address": self._list_in(queryset) if is_on_page else request.get_full_path(),
            "job_page": is_on_page or bool(request.POST.get(JOB_PAGE)),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, QUESTION, context)

    def _list_in(self, queryset: QuerySet[Job]) -> str:
        """Return the list in the database that a job's page was about."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        address = reverse(name, current_app=self.admin_site.name)
        return f"{address}?{places.DATABASE_PARAMETER}={queryset.db}"

    def _page_of(self, id: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=(id,), current_app=self.admin_site.name)
