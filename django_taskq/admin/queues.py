"""Queues in the admin: what operators say of them, what waits and runs."""

from collections.abc import Iterable

from django_taskq.admin.rules import RuleAdmin
from django_taskq.jobs.insights import LaneCount
from django_taskq.standings import QueueStanding, queues_in


class QueueAdmin(RuleAdmin):
    """Shows and edits the rows of queues."""

    list_display = (
        "name_cell", "paused", "max_running", "ready", "scheduled", "deferred", "running",
    )  # fmt: skip
    fields = ("name", "paused", "max_running")

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> list[QueueStanding]:
        """Return how the queues of a database stand."""
        return queues_in(database, lanes)
