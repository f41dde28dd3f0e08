"""Pages of jobs that are in no table: Redis', and those of the pools of this process."""

from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from django_taskq.admin import cells
from django_taskq.admin.live_numbers import rowless_aliases
from django_taskq.admin.live_verbs import VERBS, change_jobs, offered
from django_taskq.admin.sightings import Sighting, is_in_table, row_of, sight
from django_taskq.jobs.ids import parse_id
from django_taskq.models import Job


class Found(NamedTuple):
    """A job that was looked for, or None, and the stores that were asked and did not answer."""

    id: str | None
    job: Job | None = None
    silent: tuple[str, ...] = ()


class LiveJobs(admin.ModelAdmin):
    """Finds a job wherever it is. One that is in no table has no number: `pk` is None."""

    change_form_template = "admin/django_taskq/job/change_form.html"

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Job | None:
        """Return a job by its public id, in whatever database or store it is."""
        return self._found(request, object_id).job

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a job, say that there is none, or do to one in no table what was asked for."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self._found(request, unquote(object_id))
        if found.job is None:
            return self._missing(request, unquote(object_id), found)
        shown = dict(extra_context or {})
        if not is_in_table(found.job):
            if request.method == "POST":
                return self._change_live(request, found.job)
            # Django's own actions are those of rows.
            shown |= {"action_form": None, "verbs": offered(request, {found.job.state})}
        return super().change_view(request, object_id, form_url, shown)

    def _change_live(self, request: HttpRequest, job: Job) -> HttpResponse:
        back, action = request.get_full_path(), request.POST.get("action", "")
        if action in VERBS and request.POST.getlist("job") == [str(job.public_id)]:
            return change_jobs(self, request, job.backend, action, back)
        return HttpResponseRedirect(back)

    def _missing(self, request: HttpRequest, wanted: str, found: Found) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("There is no such job"),
            "opts": self.opts,
            "wanted": cells.line(wanted),
            "is_id": found.id is not None,
            "silent": found.silent,
        }
        page = "admin/django_taskq/job/missing.html"
        return TemplateResponse(request, page, context, status=404)

    # Where a job is looked for.

    def _found(self, request: HttpRequest, wanted: str) -> Found:
        """Look for a job once a request: Django asks for it again."""
        id = parse_id(wanted)
        kept: Found | None = getattr(request, "taskq_found", None)
        if kept is None or kept.id != id:
            kept = Found(None) if id is None else self._look(request, id)
            setattr(request, "taskq_found", kept)  # noqa: B010  requests have no such field
        return kept

    def _look(self, request: HttpRequest, id: str) -> Found:
        rows: QuerySet[Job] = self.get_queryset(request)
        row = rows.filter(public_id=UUID(id)).first()
        aliases = rowless_aliases()
        if row is not None:
            # Of Redis rows are those that have ended; one of them may have been retried since.
            aliases = [alias for alias in aliases if alias == row.backend]
        sighting, silent = sight(aliases, id) if aliases else (None, {})
        told = tuple(f"{alias}: {why}" for alias, why in silent.items())
        job = row
        if sighting is not None and (row is None or not sighting.record.is_ended):
            job = row_of(sighting)
        if job is not None:
            _remember(job, sighting, told)
        return Found(id, job, told)


def _remember(job: Any, sighting: Sighting | None, silent: tuple[str, ...]) -> None:
    """Have what shows the job know what its store told, or why it did not."""
    job.sighting, job.silent = sighting, silent
