"""The row of an epoch: how often what Redis held of an alias was lost."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_taskq.models.fields import NameField


class Epoch(models.Model):
    """One row for each alias whose jobs Redis hands out, made when it is first needed.

    `number` only grows. Claims that were made under an earlier one are void.
    """

    id = models.BigAutoField(primary_key=True)
    backend = NameField(max_length=64, unique=True)
    number = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "taskq_epoch"
        verbose_name = _("epoch")
        verbose_name_plural = _("epochs")

    def __str__(self) -> str:
        return f"{self.backend} {self.number}"
