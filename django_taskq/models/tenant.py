"""What operators say of a tenant."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from django_taskq.models.fields import NameField
from django_taskq.models.validators import validate_max_running, validate_name, validate_rate

HEAVIEST = 1000


class Tenant(models.Model):
    """A tenant that is not like the others; one without a row has weight 1 and no limits.

    It counts for every backend whose jobs live in this database, for each by itself.
    """

    name = NameField(
        max_length=128,
        unique=True,
        blank=True,
        validators=[validate_name],
        help_text="Empty: the jobs that are on nobody's behalf.",
    )
    weight = models.PositiveIntegerField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(HEAVIEST)],
        help_text="The share of worker time beside other tenants that wait.",
    )
    max_running = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[validate_max_running],
        help_text="How many jobs run at once, over all workers. Empty: no limit.",
    )
    max_rate = NameField(
        max_length=16,
        null=True,
        blank=True,
        validators=[validate_rate],
        help_text="How often jobs start, like 10/s, 600/m or 1000/h. Empty: no limit.",
    )
    paused = models.BooleanField(
        default=False, db_default=False, help_text="Start no jobs; those that run go on."
    )

    class Meta:
        db_table = "taskq_tenant"
        verbose_name = "tenant"
        verbose_name_plural = "tenants"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="taskq_tenant_weight", condition=Q(weight__gte=1, weight__lte=HEAVIEST)
            ),
            models.CheckConstraint(
                name="taskq_tenant_running",
                condition=Q(max_running__isnull=True) | Q(max_running__gte=1),
            ),
        )

    def __str__(self) -> str:
        return self.name or "(no tenant)"
