"""The Django app."""

import warnings

from django.apps import AppConfig

from example_project.desk.reading import PARSED_AS


class DeskConfig(AppConfig):
    """Register the desk's models and templates."""

    name = "example_project.desk"
    label = "desk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Silence what Python has to say about the style of the documents it parses."""
        warnings.filterwarnings("ignore", category=SyntaxWarning, module=PARSED_AS)
