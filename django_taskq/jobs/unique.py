"""Predictable ids: one unfinished job for each `task_id` of a tenant."""

from enum import StrEnum
from hashlib import sha256

LONGEST_TASK_ID = 200


class OnDuplicate(StrEnum):
    """What becomes of an enqueue whose `task_id` an unfinished job has already."""

    RAISE = "raise"
    RETURN = "return"
    REPLACE = "replace"


def unique_key(backend: str, tenant: str, task_id: str, run_id: str | None = None) -> str:
    """Return what no two unfinished jobs of a store share; 64 characters."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart, whatever the names contain.
    parts = (backend, tenant, run_id or "", task_id)
    return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
