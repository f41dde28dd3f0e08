"""Where a limit stands."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField


class Limit(models.Model):
    """The row that a claim locks while it counts what runs under a limit. Written by the store.

    `key` is that of jobs.limits; `next_at` is what a rate keeps, NULL until it was first used.
    """

    backend = NameField(max_length=64)
    key = NameField(max_length=300)
    next_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "taskq_limit"
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = (models.UniqueConstraint(fields=("backend", "key"), name="taskq_limit_key"),)

    def __str__(self) -> str:
        return f"{self.backend} {self.key}"
