"""Marks for tests that run on every database of the run, one after the other or all together."""

from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tests.running import DURABLE

# Other apps' tables need no flush between tests, which takes most of a test's time otherwise.
OUR_APPS = ["django_taskq", "tests.app"]


def on_each_database(test: Any) -> Any:
    """Run a test once for each durable alias, with the database behind it."""
    each = [
        pytest.param(
            alias,
            marks=pytest.mark.django_db(
                transaction=True, databases=[alias], available_apps=OUR_APPS
            ),
        )
        for alias in DURABLE
    ]
    return pytest.mark.parametrize("alias", each)(test)


def on_all_databases(test: Any) -> Any:
    """Run a test once, with every database at hand."""
    return pytest.mark.django_db(
        transaction=True, databases=list(settings.DATABASES), available_apps=OUR_APPS
    )(test)


def with_options(alias: str, **options: Any) -> override_settings:
    """Change OPTIONS of an alias for a while."""
    entry = settings.TASKS[alias]
    changed = entry | {"OPTIONS": {**entry.get("OPTIONS", {}), **options}}
    return override_settings(TASKS={**settings.TASKS, alias: changed})
