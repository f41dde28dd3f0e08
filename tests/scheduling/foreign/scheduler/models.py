"""Tables shaped like those of django-tasks-scheduler."""

from django.contrib.contenttypes.models import ContentType
from django.db import models


class Task(models.Model):
    name = models.CharField(max_length=128, unique=True)
    task_type = models.CharField(max_length=32, default="OnceTaskType")
    callable = models.CharField(max_length=2048)
    enabled = models.BooleanField(default=True)
    queue = models.CharField(max_length=255)
    at_front = models.BooleanField(default=False)
    timeout = models.IntegerField(null=True)
    result_ttl = models.IntegerField(null=True)
    interval = models.PositiveIntegerField(null=True)
    interval_unit = models.CharField(max_length=12, null=True)
    repeat = models.PositiveIntegerField(null=True)
    scheduled_time = models.DateTimeField(null=True)
    cron_string = models.CharField(max_length=64, null=True)

    def __str__(self) -> str:
        return self.name


class Argument(models.Model):
    arg_type = models.CharField(max_length=12, default="str")
    val = models.CharField(max_length=255)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.val


class TaskArg(Argument):
    pass


class TaskKwarg(Argument):
    key = models.CharField(max_length=255)
