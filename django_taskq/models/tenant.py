"""What operators say of a tenant."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField
from django_taskq.models.validators import validate_max_running, validate_name, validate_rate

HEAVIEST = 1000


class Tenant(models.Model):
    """A tenant that is not like the others; one without a row has weight 1 and no limits.

    It counts for every backend whose jobs live in this database, for each by itself.
    """

    name = NameField(
        _("name"),
        max_length=128,
        unique=True,
        blank=True,
        validators=[validate_name],
        help_text=_("Empty: the jobs that are on nobody's behalf."),
    )
    weight = models.PositiveIntegerField(
        _("weight"),
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(HEAVIEST)],
        help_text=_("The share of worker time beside other tenants that wait."),
    )
    max_running = models.PositiveIntegerField(
        _("max running"),
        null=True,
        blank=True,
        validators=[validate_max_running],
        help_text=_("How many jobs run at once, over all workers. Empty: no limit."),
    )
    max_rate = NameField(
        _("max rate"),
        max_length=16,
        null=True,
        blank=True,
        validators=[validate_rate],
        help_text=_("How often jobs start, like 10/s, 600/m or 1000/h. Empty: no limit."),
    )
    paused = models.BooleanField(
        _("paused"),
        default=False,
        db_default=False,
        help_text=_("Start no jobs; those that run go on."),
    )

    class Meta:
        db_table = "taskq_tenant"
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
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
        return self.name or gettext("(no tenant)")
