"""A model of the tests' app: what a job leaves behind in a database."""

from django.db import models


class Mark(models.Model):
    """One effect of a job."""

    text = models.TextField()

    def __str__(self) -> str:
        return self.text
