"""What Sentry is sent in tests: kept on a page of the journal, which children write to as well."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from tests.app import journal

DSN = "http://key@localhost/1"


class JournalTransport(Transport):
    """Writes down what would be sent."""

    def __init__(self, page: str) -> None:
        super().__init__({"dsn": DSN})
        self.page = page

    def capture_envelope(self, envelope: Any) -> None:
        """Write each item on the page."""
        for item in envelope.items:
            if item.type in {"event", "transaction"}:
                journal.write(self.page, json.dumps([item.type, item.payload.json]))
            elif item.type == "span":
                for span in item.payload.json["items"]:
                    journal.write(self.page, json.dumps(["span", span]))

    def flush(self, timeout: float, callback: Any = None) -> None:
        """Write down that it was asked for."""
        journal.write(self.page, json.dumps(["flush", {"timeout": timeout}]))


def sent(page: str, kind: str) -> list[dict[str, Any]]:
    """Return what of a kind was sent: events, transactions, spans, flushes."""
    entries = [json.loads(entry) for entry in journal.read(page)]
    return [value for type, value in entries if type == kind]


def options(page: str, **more: Any) -> dict[str, Any]:
    """Return what makes a client that sends to a page."""
    # Without those for other packages, which the SDK would patch for the rest of the run.
    known = {"traces_sample_rate": 1.0, "auto_enabling_integrations": False}
    return {"transport": JournalTransport(page), **known, **more}


@contextmanager
def client(page: str, **more: Any) -> Iterator[None]:
    """Have a client in this process, as a project that calls `sentry_sdk.init`."""
    sentry_sdk.init(dsn=DSN, **options(page, **more))
    try:
        yield
    finally:
        forget_client()


def forget_client() -> None:
    """Have no client in this process any more."""
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)
