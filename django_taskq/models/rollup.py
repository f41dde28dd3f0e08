"""The rows of roll-ups: what workers counted of one queue within a minute, an hour, or ever, and
of the failures of one task within a minute or an hour.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.jobs.counts import BUCKETS, ENDINGS
from django_taskq.models.fields import NameField

ENDING_COLUMNS = tuple(ending.value for ending in ENDINGS)
WAIT_COLUMNS = tuple(f"wait_{place}" for place in range(BUCKETS))
RUN_COLUMNS = tuple(f"run_{place}" for place in range(BUCKETS))


class Rollup(models.Model):
    """Numbers that workers add to. `span` is in seconds, 0 for all time, and `start` the second of
    the epoch at which it begins: that is the same in every time zone, whatever its clocks do.

    A column for each ending and each bucket, so that any database adds to them in place, and sums
    them up by itself.
    """

    id = models.BigAutoField(primary_key=True)
    backend = NameField(max_length=64)
    queue = NameField(max_length=128)
    span = models.IntegerField()
    start = models.BigIntegerField()
    leases_lost = models.BigIntegerField(default=0, db_default=0)
    wait_seconds = models.FloatField(default=0.0, db_default=0.0)
    run_seconds = models.FloatField(default=0.0, db_default=0.0)

    class Meta:
        db_table = "taskq_rollup"
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")
        constraints = (
            models.UniqueConstraint(
                name="taskq_rollup_once", fields=["backend", "span", "start", "queue"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.backend} {self.queue} {self.span} {self.start}"


for _name in (*ENDING_COLUMNS, *WAIT_COLUMNS, *RUN_COLUMNS):
    Rollup.add_to_class(_name, models.BigIntegerField(default=0, db_default=0))


class FailureRollup(models.Model):
    """How many tries of one task failed within the minute or the hour that begins at `start`."""

    id = models.BigAutoField(primary_key=True)
    backend = NameField(max_length=64)
    task = NameField(max_length=255)
    span = models.IntegerField()
    start = models.BigIntegerField()
    failed = models.BigIntegerField(default=0, db_default=0)
    retried = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "taskq_failure_rollup"
        verbose_name = _("roll-up of failures")
        verbose_name_plural = _("roll-ups of failures")
        constraints = (
            models.UniqueConstraint(
                name="taskq_failure_rollup_once", fields=["backend", "span", "start", "task"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.backend} {self.task} {self.span} {self.start}"
