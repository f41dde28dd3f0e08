"""An app with the label of another package."""

from django.apps import AppConfig


class QConfig(AppConfig):
    name = "tests.scheduling.foreign.q"
    label = "django_q"
    default_auto_field = "django.db.models.AutoField"
