"""The row of a serving: the worker time that one tenant was given within ten minutes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField


class Serving(models.Model):
    """Numbers that workers add to. `start` is the second of the epoch at which the span begins.

    The row with `is_rest` stands for the tenants that were too small to be named.
    """

    id = models.BigAutoField(primary_key=True)
    backend = NameField(max_length=64)
    start = models.BigIntegerField()
    is_rest = models.BooleanField(default=False, db_default=False)
    tenant = NameField(max_length=128, default="", db_default="")
    attempts = models.BigIntegerField(default=0, db_default=0)
    seconds = models.FloatField(default=0.0, db_default=0.0)
    stolen = models.BigIntegerField(default=0, db_default=0)
    waits = models.BigIntegerField(default=0, db_default=0)
    wait_seconds = models.FloatField(default=0.0, db_default=0.0)

    class Meta:
        db_table = "taskq_serving"
        verbose_name = _("serving")
        verbose_name_plural = _("servings")
        constraints = (
            models.UniqueConstraint(
                name="taskq_serving_once", fields=["backend", "start", "is_rest", "tenant"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.backend} {self.tenant} {self.start}"
