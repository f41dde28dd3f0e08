"""The columns of the list of jobs, which a job's page shows as well."""

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells
from django_taskq.admin.timeline import between
from django_taskq.jobs.states import State
from django_taskq.models import Job


class JobColumns(admin.ModelAdmin):
    """What is told of a job in one line each, nothing of its payload among it."""

    @admin.display(description=_("id"))
    def id(self, job: Job) -> str:
        """Return the public id."""
        return str(job.public_id)

    @admin.display(description=_("task"))
    def task_name(self, job: Job) -> str:
        """Return the import path of the task."""
        return cells.line(job.task)

    @admin.display(description=_("state"))
    def state_cell(self, job: Job) -> str:
        """Return the state, with the kind of failure."""
        return cells.line(f"{job.state} ({job.failure})" if job.failure else job.state)

    @admin.display(description=_("queue"))
    def queue_name(self, job: Job) -> str:
        """Return the queue."""
        return cells.line(job.queue)

    @admin.display(description=_("tenant"))
    def tenant_name(self, job: Job) -> str:
        """Return the tenant."""
        return cells.line(job.tenant)

    @admin.display(description=_("task id"))
    def task_id_name(self, job: Job) -> str:
        """Return the predictable id."""
        return cells.line(job.task_id)

    @admin.display(description=_("enqueued"))
    def enqueued(self, job: Job) -> str:
        """Return when the job was enqueued."""
        return cells.moment(job.enqueued_at)

    @admin.display(description=_("wait"))
    def wait(self, job: Job) -> str:
        """Return how long the job stood ready before it first ran, or stands now."""
        until = job.started_at
        if until is None and job.state == State.READY:
            until = timezone.now()
        return cells.span(between(job.eligible_at, until))

    @admin.display(description=_("run time"))
    def run_time(self, job: Job) -> str:
        """Return how long the last try ran, or runs."""
        if job.state == State.RUNNING:
            return cells.span(between(job.claimed_at, timezone.now()))
        return cells.span(between(job.last_attempted_at or job.started_at, job.finished_at))
