"""What a job's page tells of its payload, to those who may see it."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, payloads, tries, xcoms
from django_taskq.jobs.reasons import parked_reason
from django_taskq.jobs.record import visible, visible_options
from django_taskq.jobs.sighting import sighting_in
from django_taskq.jobs.states import WAITING
from django_taskq.models import Job

HIDDEN = _(
    "Arguments, results, errors, logs and XCom values are hidden: to see them you need the "
    "permission to view the arguments, results and errors of jobs (view_payload_job)."
)


class JobPayloads(admin.ModelAdmin):
    """The fields of one job that users and tasks have filled."""

    @admin.display(description=_("payload"))
    def hidden_line(self, job: Job) -> str:
        """Return why there is nothing to see."""
        return str(HIDDEN)

    @admin.display(description=_("reason"))
    def reason_line(self, job: Job) -> str:
        """Return why the job ended badly, or waits."""
        parked = parked_reason(job.parked_for)
        sighting = sighting_in(job.ctx) if job.state in WAITING else None
        return cells.line(
            job.reason
            or (parked and gettext(parked))
            or job.blocked_for
            or (sighting and sighting.told)
        )

    @admin.display(description=_("arguments"))
    def args_block(self, job: Job) -> SafeString | str:
        """Return the positional arguments, masked by the names of their parameters."""
        return payloads.args_block(job)

    @admin.display(description=_("keyword arguments"))
    def kwargs_block(self, job: Job) -> SafeString | str:
        """Return the keyword arguments, masked."""
        return payloads.block(job.kwargs)

    @admin.display(description=_("task options"))
    def options_block(self, job: Job) -> SafeString | str:
        """Return the options that using() changed."""
        return payloads.block(job.options, visible_options)

    @admin.display(description=_("metadata"))
    def metadata_block(self, job: Job) -> SafeString | str:
        """Return the metadata without what is hidden, masked."""
        return payloads.block(job.metadata, visible)

    @admin.display(description=_("kept between tries"))
    def context_block(self, job: Job) -> SafeString | str:
        """Return what middlewares keep from one try to the next, masked."""
        return payloads.block(job.ctx, visible)

    @admin.display(description=_("progress"))
    def progress_block(self, job: Job) -> SafeString | str:
        """Return what the job last said of its progress."""
        told = payloads.words_of_progress(job.progress)
        return cells.block(job.progress) if told is None else cells.line(told)

    @admin.display(description=_("result"))
    def result_block(self, job: Job) -> SafeString | str:
        """Return the return value, masked."""
        return payloads.block(job.result)

    @admin.display(description=_("XCom values"))
    def xcom_block(self, job: Job) -> SafeString | str:
        """Return what the attempts of the job pushed for others, the last one first, masked."""
        return xcoms.table_of(job)

    @admin.display(description=_("tries"))
    def tries_block(self, job: Job) -> SafeString | str:
        """Return every try that is kept, the last one first, with its traceback."""
        return tries.block_of(job)
