"""A table shaped like that of django-q2."""

from django.db import models


class Schedule(models.Model):
    name = models.CharField(max_length=100, null=True)
    func = models.CharField(max_length=256)
    hook = models.CharField(max_length=256, null=True)
    args = models.TextField(null=True)
    kwargs = models.TextField(null=True)
    schedule_type = models.CharField(max_length=2, default="O")
    minutes = models.PositiveSmallIntegerField(null=True)
    repeats = models.IntegerField(default=-1)
    next_run = models.DateTimeField(null=True)
    cron = models.CharField(max_length=100, null=True)
    cluster = models.CharField(max_length=100, null=True)
    intended_date_kwarg = models.CharField(max_length=100, null=True)

    def __str__(self) -> str:
        return self.func
