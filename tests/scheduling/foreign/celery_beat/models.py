"""Tables shaped like those of django-celery-beat."""

from django.db import models


class IntervalSchedule(models.Model):
    every = models.IntegerField()
    period = models.CharField(max_length=24)

    def __str__(self) -> str:
        return f"{self.every} {self.period}"


class CrontabSchedule(models.Model):
    minute = models.CharField(max_length=240, default="*")
    hour = models.CharField(max_length=96, default="*")
    day_of_month = models.CharField(max_length=124, default="*")
    month_of_year = models.CharField(max_length=64, default="*")
    day_of_week = models.CharField(max_length=64, default="*")
    timezone = models.CharField(max_length=63, default="UTC")

    def __str__(self) -> str:
        return self.minute


class SolarSchedule(models.Model):
    event = models.CharField(max_length=24)

    def __str__(self) -> str:
        return self.event


class ClockedSchedule(models.Model):
    clocked_time = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.clocked_time)


class PeriodicTask(models.Model):
    name = models.CharField(max_length=200, unique=True)
    task = models.CharField(max_length=200)
    interval = models.ForeignKey(IntervalSchedule, models.CASCADE, null=True)
    crontab = models.ForeignKey(CrontabSchedule, models.CASCADE, null=True)
    solar = models.ForeignKey(SolarSchedule, models.CASCADE, null=True)
    clocked = models.ForeignKey(ClockedSchedule, models.CASCADE, null=True)
    args = models.TextField(default="[]")
    kwargs = models.TextField(default="{}")
    queue = models.CharField(max_length=200, null=True, default=None)
    exchange = models.CharField(max_length=200, null=True, default=None)
    routing_key = models.CharField(max_length=200, null=True, default=None)
    headers = models.TextField(default="{}")
    priority = models.PositiveIntegerField(null=True, default=None)
    expires = models.DateTimeField(null=True)
    expire_seconds = models.PositiveIntegerField(null=True)
    one_off = models.BooleanField(default=False)
    start_time = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name
