"""What all peers inside a Django project share."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.benchmarks.deadline import until
from tests.benchmarks.peers.base import Peer

QUIET = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.tasks": {"level": "WARNING"}},
}


class DjangoPeer(Peer):
    """A peer behind ``django.tasks``; logs only warnings, as every peer here."""

    settings: ClassVar[dict[str, Any]]

    def open(self) -> None:
        settings.configure(
            DATABASES=self.place.databases(),
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            LOGGING=QUIET,
            SECRET_KEY="not a secret",
            USE_TZ=True,
            **self.settings,
        )
        django.setup()
        self.noop = self.make_noop()

    def make_noop(self) -> Any:
        """Return the task; a peer with a decorator of its own overrides this."""
        return import_module("tests.benchmarks.noop").noop

    def close(self) -> None:
        """Close SQLite's last connection too, which folds its write-ahead log into the file."""
        connections.close_all()

    def prepare(self) -> None:
        call_command("migrate", verbosity=0)

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop.enqueue(payload)

    def nap(self, who: int, seconds: float) -> None:
        import_module("tests.benchmarks.noop").nap.enqueue(who, seconds)

    def send(self) -> Any:
        return self.noop.enqueue()

    def wait(self, handle: Any) -> None:
        until(lambda: self.refreshed(handle), 30, "the result of one job")

    @staticmethod
    def refreshed(handle: Any) -> bool:
        """Fetch the result anew; Django's own API has no call that waits."""
        handle.refresh()
        return bool(handle.is_finished)
