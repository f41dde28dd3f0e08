"""The desk inside the tests' own settings: its app, its URLs, its aliases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

TASKS = {
    "default": {"BACKEND": "django_taskq.backends.DatabaseBackend", "QUEUES": []},
    "fast": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"},
}


@pytest.fixture(scope="package", autouse=True)
def desk(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """Install the desk for the tests of this package; return where uploads go."""
    uploads = tmp_path_factory.mktemp("uploads")
    changed = override_settings(
        INSTALLED_APPS=[*settings.INSTALLED_APPS, "example_project.desk"],
        ROOT_URLCONF="example_project.urls",
        TASKS=TASKS,
        UPLOADS=uploads,
        LARGEST_UPLOAD=64 * 1024,
        FILE_UPLOAD_HANDLERS=[
            "example_project.desk.uploads.SizeLimit",
            *settings.FILE_UPLOAD_HANDLERS,
        ],
    )
    with changed, desk_in_admin(), desk_tables(django_db_blocker):
        yield uploads


@contextmanager
def desk_in_admin() -> Iterator[None]:
    """Take the desk out of the admin at the end: the tests of other packages do not have it."""
    from example_project.desk.admin import CustomerAdmin, DocumentAdmin
    from example_project.desk.models import Customer, Document

    # The app's first installation registers them, a later one finds the module imported.
    if not admin.site.is_registered(Customer):
        admin.site.register(Customer, CustomerAdmin)
        admin.site.register(Document, DocumentAdmin)
    try:
        yield
    finally:
        admin.site.unregister([Customer, Document])


@contextmanager
def desk_tables(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Have the tables of the desk in the test database."""
    from django.contrib.contenttypes.models import ContentType

    with blocker.unblock():
        call_command("migrate", "desk", verbosity=0)
    try:
        yield
    finally:
        with blocker.unblock():
            call_command("migrate", "desk", "zero", verbosity=0)
            ContentType.objects.filter(app_label="desk").delete()


@pytest.fixture
def customer(db: None) -> object:
    from example_project.desk.models import Customer

    return Customer.objects.create(slug="acme", name="Acme")
