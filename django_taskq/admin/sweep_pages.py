"""The page of a sweep: how far it is, a button to go on, another one to stop."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from django_taskq.admin import deeds, sweeps
from django_taskq.admin.sweeps import Sweep

NAME = "django_taskq_job_sweep"
TEMPLATE = "admin/django_taskq/job/sweep.html"


class SweepPages(admin.ModelAdmin):
    """The pages of deeds on all jobs that match, which belong to the list of jobs."""

    def get_urls(self) -> list[URLPattern]:
        """Put the page before the pages of single jobs, whose address would take it in."""
        view = self.admin_site.admin_view(self.sweep_view)
        return [path("sweep/<str:key>/", view, name=NAME), *super().get_urls()]

    def begin_sweep(self, request: HttpRequest, deed: str, options: dict[str, Any]) -> HttpResponse:
        """Begin a deed on all that the list shows, and lead to its page."""
        return HttpResponseRedirect(self._sweep_address(sweeps.begin(request, deed, options).key))

    def sweep_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Show how far a sweep is; on a POST go on with it for a second, or stop it."""
        sweep = sweeps.load(request, key)
        if sweep is None:
            return self._gone(request)
        if not deeds.may(request, deeds.DEEDS[sweep.deed].permission):
            raise PermissionDenied
        if request.method != "POST":
            return self._progress(request, sweep)
        if request.POST.get("stop"):
            sweep.is_stopped = not sweep.is_over or sweep.is_stopped
            sweeps.save(request, sweep)
        elif request.POST.get("step") == str(sweep.step):
            sweeps.advance(request, sweep)
        return HttpResponseRedirect(self._sweep_address(key))

    def _progress(self, request: HttpRequest, sweep: Sweep) -> HttpResponse:
        deed = deeds.DEEDS[sweep.deed]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{deed.title}: all jobs that match",
            "opts": self.opts,
            "sweep": sweep,
            "deed": deed,
            "back": f"{self._changelist()}?{sweep.query}",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, TEMPLATE, context)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, "Nothing is known of that any more: begin anew.", "warning")
        return HttpResponseRedirect(self._changelist())

    def _sweep_address(self, key: str) -> str:
        return reverse(f"admin:{NAME}", args=(key,), current_app=self.admin_site.name)

    def _changelist(self) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return reverse(name, current_app=self.admin_site.name)
