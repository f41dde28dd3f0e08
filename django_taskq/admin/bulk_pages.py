"""The page of a bulk: how far it is, a button to go on, another one to stop."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from django_taskq.admin import actions, bulks, deeds
from django_taskq.admin.bulks import Bulk

NAME = "django_taskq_job_bulk"
TEMPLATE = "admin/django_taskq/job/bulk.html"


class BulkPages(admin.ModelAdmin):
    """The pages of deeds on all jobs that match, which belong to the list of jobs."""

    def get_urls(self) -> list[URLPattern]:
        """Put the page before the pages of single jobs, whose address would take it in."""
        view = self.admin_site.admin_view(self.bulk_view)
        return [path("bulk/<str:key>/", view, name=NAME), *super().get_urls()]

    def begin_bulk(self, request: HttpRequest, deed: str, options: dict[str, Any]) -> HttpResponse:
        """Begin a deed on all that the list shows, and lead to its page."""
        return HttpResponseRedirect(self._bulk_address(bulks.begin(request, deed, options).key))

    def bulk_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Show how far a bulk is; on a POST go on with it for a second, or stop it."""
        bulk = bulks.load(request, key)
        if bulk is None:
            return self._gone(request)
        if not deeds.may(request, deeds.DEEDS[bulk.deed].permission):
            raise PermissionDenied
        if request.method != "POST":
            return self._progress(request, bulk)
        if request.POST.get("stop"):
            bulk.is_stopped = not bulk.is_over or bulk.is_stopped
            bulks.save(request, bulk)
        elif request.POST.get("step") == str(bulk.step):
            bulks.advance(request, bulk)
        return HttpResponseRedirect(self._bulk_address(key))

    def _progress(self, request: HttpRequest, bulk: Bulk) -> HttpResponse:
        deed = deeds.DEEDS[bulk.deed]
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(deed)s: all jobs that match") % {"deed": deed.title},
            "opts": self.opts,
            "bulk": bulk,
            "changed_told": deed.past(bulk.changed),
            "left_told": actions.left_as_before(bulk.stayed, deed.why) if bulk.stayed else "",
            "back": f"{self._changelist()}?{bulk.query}",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, TEMPLATE, context)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        told = _("Nothing is known of that any more: begin anew.")
        self.message_user(request, told, "warning")
        return HttpResponseRedirect(self._changelist())

    def _bulk_address(self, key: str) -> str:
        return reverse(f"admin:{NAME}", args=(key,), current_app=self.admin_site.name)

    def _changelist(self) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return reverse(name, current_app=self.admin_site.name)
