"""An app with the label of another package."""

from django.apps import AppConfig


class CeleryBeatConfig(AppConfig):
    name = "tests.scheduling.foreign.celery_beat"
    label = "django_celery_beat"
    default_auto_field = "django.db.models.AutoField"
