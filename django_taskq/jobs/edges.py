"""One job that waits for another one, as a store tells of it."""

from typing import NamedTuple


class EdgeRecord(NamedTuple):
    """One job, by its id, waits or has waited for another one.

    `upstream` is None where that could not be seen yet, and is only known by its `task_id`.
    `counted_as` is how it counts (see `jobs.trigger.Standing`), None while that is open.
    """

    downstream: str
    upstream: str | None
    task_id: str | None
    counted_as: str | None
