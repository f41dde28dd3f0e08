"""The rows of XCom values."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField
from django_taskq.models.indexes import PartialIndex


class XCom(models.Model):
    """One value that a job, or whoever else, pushed under a key. Written by the store alone.

    A key may have several rows: which of them is read depends on the jobs that pushed them. So
    nothing is unique here, no push can collide with another, and the larger id is the later one.
    """

    id = models.BigAutoField(primary_key=True)
    backend = NameField(max_length=64)
    tenant = NameField(max_length=128, default="", blank=True)
    namespace = NameField(max_length=200)
    key = NameField(max_length=200)
    value = models.TextField()
    pushed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    # No foreign key: its lock on the job would wait for the job's finish, and the finish for it.
    # NULL for what was pushed outside of any job, and once its job is deleted.
    job_seq = models.BigIntegerField(null=True)
    attempt = models.IntegerField(null=True)
    job_id = models.UUIDField(null=True)
    pushed_by = NameField(max_length=200, null=True)

    class Meta:
        db_table = "taskq_xcom"
        verbose_name = _("XCom value")
        verbose_name_plural = _("XCom values")
        indexes = (
            models.Index(
                name="taskq_xcom_key", fields=["backend", "tenant", "namespace", "key", "id"]
            ),
            PartialIndex(
                name="taskq_xcom_job", fields=["job_seq", "key"], where=Q(job_seq__isnull=False)
            ),
            PartialIndex(
                name="taskq_xcom_expiry",
                fields=["backend", "expires_at"],
                where=Q(expires_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.namespace} {self.key}"
