"""The Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DjangoTaskqConfig(AppConfig):
    """Register the models, commands and checks of django_taskq."""

    name = "django_taskq"
    label = "django_taskq"
    verbose_name = _("Task queue")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the system checks look at TASKS, also where nothing else imports django.tasks."""
        from django.tasks import checks  # noqa: F401  registers itself

        from django_taskq import checks as own_checks  # noqa: F401  registers itself
