"""Claims out of nowhere, for tests that need no store."""

from datetime import UTC, datetime
from time import monotonic
from typing import Any

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.ids import new_id


def claim_of(**values: Any) -> Claim:
    """Return a claim of a first attempt, but for the values given."""
    now = datetime.now(UTC)
    known: dict[str, Any] = {
        "seq": 1, "id": new_id(), "task": "tests.app.tasks.noop", "args": "[]", "kwargs": "{}",
        "queue": "default", "tenant": "", "priority": 0, "attempt": 1, "tries": 0, "lost": 0,
        "max_tries": None, "worker_id": "host:1:abc", "enqueued_at": now, "run_after": None,
        "claimed_at": now, "started_at": None, "worker_ids": None, "metadata": None,
        "options": None, "ctx": None, "trace": None, "read_at": monotonic(),
    }  # fmt: skip
    return Claim(**(known | values))
