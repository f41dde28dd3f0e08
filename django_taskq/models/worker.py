"""The row of a worker: its lease, and what it says of itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField


class Worker(models.Model):
    """One worker of one backend alias. Its lease covers every job it holds."""

    worker_id = NameField(max_length=128, primary_key=True)
    backend = NameField(_("backend"), max_length=64)
    name = NameField(max_length=128)
    host = NameField(max_length=255)
    pid = models.BigIntegerField(
        _("pid"),
    )
    supervisor_pid = models.BigIntegerField(null=True)
    queues = models.TextField(null=True)
    tenants = models.TextField(null=True)
    threads = models.IntegerField(default=0)
    async_concurrency = models.IntegerField(default=0)
    is_idle = models.BooleanField(default=False)
    is_solo = models.BooleanField(default=False)
    started_at = models.DateTimeField(
        _("started at"),
    )
    beat_at = models.DateTimeField(
        _("beat at"),
    )
    expires_at = models.DateTimeField(
        _("expires at"),
    )
    progress_at = models.DateTimeField(_("progress at"), null=True)
    lost_at = models.DateTimeField(_("lost at"), null=True)
    stop_asked_at = models.DateTimeField(_("stop asked at"), null=True)
    late_results = models.BigIntegerField(_("late results"), default=0)
    memory = models.BigIntegerField(null=True)

    class Meta:
        db_table = "taskq_worker"
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        permissions = (("stop_worker", "Can ask worker to stop"),)
        indexes = (models.Index(name="taskq_worker_alive", fields=["backend", "expires_at"]),)

    def __str__(self) -> str:
        return self.worker_id
