"""An app with the label of another package."""

from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    name = "tests.scheduling.foreign.scheduler"
    label = "scheduler"
    default_auto_field = "django.db.models.AutoField"
