"""The rows that say which job waits for which."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField
from django_taskq.models.indexes import PartialIndex
from django_taskq.models.job import Job


class Dependency(models.Model):
    """One job, the downstream, waits for another one, the upstream.

    No constraint of the database: to check it would lock the upstream's row, and so hold up its
    finish. `upstream` is NULL, and `pending_key` what it is looked for by, while no such job
    can be seen. `counted_as` is how the upstream counts in the score of the downstream.
    """

    downstream = models.ForeignKey(Job, models.DO_NOTHING, related_name="+", db_constraint=False)
    upstream = models.ForeignKey(
        Job, models.DO_NOTHING, related_name="+", db_constraint=False, null=True
    )
    upstream_public_id = models.UUIDField(null=True)
    upstream_task_id = NameField(max_length=200, null=True)
    pending_key = NameField(max_length=64, null=True)
    counted_as = NameField(max_length=16, null=True)

    class Meta:
        db_table = "taskq_dependency"
        verbose_name = _("dependency")
        verbose_name_plural = _("dependencies")
        indexes = (
            PartialIndex(
                name="taskq_dependency_pending",
                fields=["pending_key"],
                where=Q(pending_key__isnull=False),
            ),
            PartialIndex(
                name="taskq_dependency_open",
                fields=["id"],
                where=Q(counted_as__isnull=True),
                leading=("counted_as",),
            ),
        )

    def __str__(self) -> str:
        upstream = self.upstream_task_id or self.upstream_public_id
        return f"job {self.downstream_id} waits for {upstream}"
