"""What operators say of a queue."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField
from django_taskq.models.validators import validate_max_running, validate_name


class Queue(models.Model):
    """A queue that is not like the others; one without a row is open and has no limit.

    It counts for every backend whose jobs live in this database, for each by itself.
    """

    name = NameField(_("name"), max_length=128, unique=True, validators=[validate_name])
    paused = models.BooleanField(
        _("paused"),
        default=False,
        db_default=False,
        help_text=_("Start no jobs; those that run go on."),
    )
    max_running = models.PositiveIntegerField(
        _("max running"),
        null=True,
        blank=True,
        validators=[validate_max_running],
        help_text=_("How many jobs run at once, over all workers. Empty: no limit."),
    )

    class Meta:
        db_table = "taskq_queue"
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="taskq_queue_running",
                condition=Q(max_running__isnull=True) | Q(max_running__gte=1),
            ),
        )

    def __str__(self) -> str:
        return self.name
