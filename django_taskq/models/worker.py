"""The row of a worker: its lease, and what it says of itself."""

from django.db import models

from django_taskq.models.fields import NameField


class Worker(models.Model):
    """One worker of one backend alias. Its lease covers every job it holds."""

    worker_id = NameField(max_length=128, primary_key=True)
    backend = NameField(max_length=64)
    name = NameField(max_length=128)
    host = NameField(max_length=255)
    pid = models.BigIntegerField()
    supervisor_pid = models.BigIntegerField(null=True)
    queues = models.TextField(null=True)
    tenants = models.TextField(null=True)
    threads = models.IntegerField(default=0)
    async_concurrency = models.IntegerField(default=0)
    is_idle = models.BooleanField(default=False)
    is_solo = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    progress_at = models.DateTimeField(null=True)
    lost_at = models.DateTimeField(null=True)
    stop_asked_at = models.DateTimeField(null=True)
    late_results = models.BigIntegerField(default=0)
    memory = models.BigIntegerField(null=True)

    class Meta:
        db_table = "taskq_worker"
        verbose_name = "worker"
        verbose_name_plural = "workers"
        permissions = (("stop_worker", "Can ask worker to stop"),)
        indexes = (models.Index(name="taskq_worker_alive", fields=["backend", "expires_at"]),)

    def __str__(self) -> str:
        return self.worker_id
