"""A settings file may import what it names."""

import pytest

from tests.scripts import run_script


@pytest.mark.parametrize(
    "module",
    [
        "django_taskq.middleware", "django_taskq.schedules", "django_taskq.exceptions",
        "django_taskq.results", "django_taskq.tasks", "django_taskq.stores.redis",
        "django_taskq.worker.worker", "django_taskq.questions",
    ],
)  # fmt: skip
def test_nothing_reads_the_settings_when_it_is_imported(module: str) -> None:
    run_script(
        f"""
        import {module}
        from django.conf import settings
        assert not settings.configured
        """,
        uses_databases=False,
    )
