"""django-tasks-db: rows of the ORM, one job per claim."""

from __future__ import annotations

from django.apps import apps
from django.core.management import call_command

from tests.benchmarks.peers.django_peer import DjangoPeer


class TasksDbPeer(DjangoPeer):
    has_threads = False
    settings = {
        "INSTALLED_APPS": ["django_tasks_db"],
        "TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
    }

    def finished(self, total: int) -> int:
        return int(
            apps.get_model("django_tasks_database", "DBTaskResult")
            .objects.filter(status="SUCCESSFUL")
            .count()
        )

    def work(self) -> None:
        call_command("db_worker", verbosity=0, startup_delay=False)


PEER = TasksDbPeer
