"""The rows that keep what happened in the tries of a job."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField
from django_taskq.models.job import Job


class Attempt(models.Model):
    """One try that ended, kept with its error. A first-try success has no row."""

    # No index of its own: the constraint below begins with it.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    attempt = models.IntegerField()
    worker_id = NameField(max_length=128)
    verdict = NameField(max_length=16)
    failure = NameField(max_length=16, null=True)
    reason = models.TextField(null=True)
    exception_class = NameField(max_length=300, null=True)
    traceback = models.TextField(null=True)
    log = models.TextField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()

    class Meta:
        db_table = "taskq_attempt"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = (
            models.UniqueConstraint(name="taskq_attempt_number", fields=["job", "attempt"]),
        )

    def __str__(self) -> str:
        return f"attempt {self.attempt} of job {self.job_id}"
