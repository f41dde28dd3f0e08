"""Open the desk: tables, a user for the admin, customers."""

import os
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

USER = "demo"
PASSWORD = "demo"


def set_up() -> None:
    """Load the example project into this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    django.setup()


def remove_database() -> None:
    """Remove the SQLite file and what SQLite keeps beside it. Expects that nobody has it open."""
    name = Path(str(settings.DATABASES["default"]["NAME"]))
    for suffix in ("", "-wal", "-shm", "-journal"):
        name.with_name(name.name + suffix).unlink(missing_ok=True)


def open_desk() -> None:
    """Make the tables where they are missing, and the user for the admin."""
    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    # A password that everybody knows is for trying out only.
    if settings.DEBUG and not users.filter(username=USER).exists():
        users.create_superuser(USER, password=PASSWORD)


def welcome(names: list[str]) -> None:
    """Open these customers if there is none at all."""
    from django.utils.text import slugify

    from example_project.desk.models import Customer

    if not Customer.objects.exists():
        Customer.objects.bulk_create(Customer(slug=slugify(name), name=name) for name in names)
