"""What a job's page tells of it, to everybody who may see jobs."""

from urllib.parse import urlencode

from django.contrib import admin
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq import control
from django_taskq.admin import cells, neighbours, schedule_cells, timeline
from django_taskq.admin import wanted as names
from django_taskq.admin.payloads import listed
from django_taskq.admin.sightings import is_in_table, seen
from django_taskq.admin.tries import MOST_TRIES, tries_of
from django_taskq.explaining import explained
from django_taskq.jobs.limits import words_of
from django_taskq.jobs.states import ENDED
from django_taskq.models import Job

MOST_WORKERS = 50
LONGEST_REASON = 1000


class JobDetails(admin.ModelAdmin):
    """The fields of one job, but for its payload."""

    @admin.display(description=_("pipeline run"))
    def run_link(self, job: Job) -> SafeString | str:
        """Return the step and the run that the job is part of, with a link."""
        if job.run_id is None:
            return cells.NOTHING
        step = job.node if job.map_index is None else f"{job.node}[{job.map_index}]"
        run = format_html('<a href="{}">{}</a>', self._run_url(str(job.run_id)), job.run_id)
        return format_html(gettext("{step} of {run}"), step=cells.line(step), run=run)

    @admin.display(description=_("about"))
    def about_link(self, job: Job) -> SafeString | str:
        """Return the object that the job is about, with a link to all jobs that are."""
        return self._listed(names.ABOUT, job.about)

    @admin.display(description=_("more jobs"))
    def lists(self, job: Job) -> SafeString:
        """Return links to the jobs of the same task, tenant and queue."""
        chosen = (
            ("task", job.task, _("of the same task")),
            ("tenant", job.tenant, _("of the same tenant")),
            ("queue", job.queue, _("of the same queue")),
        )
        links = ((self._list_of(name, value), told) for name, value, told in chosen if value)
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    def _listed(self, name: str, value: str | None) -> SafeString | str:
        if not value:
            return cells.NOTHING
        return format_html('<a href="{}">{}</a>', self._list_of(name, value), cells.line(value))

    def _list_of(self, name: str, value: str) -> str:
        address = reverse("admin:django_taskq_job_changelist", current_app=self.admin_site.name)
        return f"{address}?{urlencode({name: value})}"

    def _run_url(self, run_id: str) -> str:
        name = "admin:django_taskq_run_change"
        return reverse(name, args=(run_id,), current_app=self.admin_site.name)

    def _job_url(self, id: str) -> str:
        name = "admin:django_taskq_job_change"
        return reverse(name, args=(id,), current_app=self.admin_site.name)

    @admin.display(description=_("why it is not running"))
    def why_line(self, job: Job) -> str:
        """Return why a job that has not ended is not running, or that it is."""
        if job.state in ENDED:
            return cells.NOTHING
        if not is_in_table(job):
            outlook = seen(job).outlook
            told = None if outlook is None else explained(outlook)
            return cells.line(told, LONGEST_REASON)
        try:
            return cells.line(control.why(str(job.public_id), job.backend), LONGEST_REASON)
        except InvalidTaskBackend:
            told = gettext("TASKS has no alias “%(alias)s” any more: nobody takes its jobs.")
            return cells.line(told % {"alias": job.backend})
        except TaskResultDoesNotExist:
            return cells.NOTHING

    @admin.display(description=_("limits"))
    def limits(self, job: Job) -> str:
        """Return what bounds how many jobs of the task start."""
        return cells.line(words_of(job.gate))

    @admin.display(description=_("dependencies"))
    def dependencies(self, job: Job) -> SafeString | str:
        """Return what the job waits for and what waits for it."""
        return neighbours.block_of(job, self._job_url)

    @admin.display(description=_("timeline"))
    def timeline(self, job: Job) -> SafeString | str:
        """Return what happened to the job, the first thing first."""
        return timeline.table_of(job, tries_of(job)[:MOST_TRIES])

    @admin.display(description=_("schedule"))
    def schedule_cell(self, job: Job) -> SafeString | str:
        """Return the schedule whose tick made the job, and the due instant."""
        return schedule_cells.origin_cell(job, self.admin_site.name)

    @admin.display(description=_("worker"))
    def worker(self, job: Job) -> str:
        """Return the worker that holds the job."""
        return cells.line(job.worker_id)

    @admin.display(description=_("workers of its attempts"))
    def workers(self, job: Job) -> SafeString | str:
        """Return the workers that started the job, one an attempt."""
        ids = listed(job.worker_ids)
        if ids is None:
            return cells.block(job.worker_ids)
        shown = format_html_join(
            "", "<li>{}</li>", ((cells.line(id),) for id in ids[-MOST_WORKERS:])
        )
        return format_html("<ol>{}</ol>", shown) if shown else cells.NOTHING
