"""django-ox: rows of the ORM, one job per claim."""

from __future__ import annotations

from django.apps import apps
from django.core.management import call_command
from django.utils.module_loading import import_string

from tests.benchmarks.peers.django_peer import DjangoPeer


class OxPeer(DjangoPeer):
    settings = {
        "INSTALLED_APPS": ["django_ox"],
        "TASKS": {"default": {"BACKEND": "django_ox.backend.OxBackend"}},
    }

    def enqueue_many(self, count: int, payload: str = "") -> None:
        many = import_string("django_ox.bulk.enqueue_many")
        many(self.noop, [((payload,), {})] * count)

    def finished(self, total: int) -> int:
        return int(
            apps.get_model("django_ox", "OxTask").objects.filter(status="SUCCESSFUL").count()
        )

    def work(self) -> None:
        call_command("ox_worker", verbosity=0)


PEER = OxPeer
