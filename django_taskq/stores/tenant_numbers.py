"""The part of the stores' contract that tells how single tenants fare."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.backlogs import BacklogQuery, Backlogs, backlogs_of
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.servings import Served, Serving


class TenantNumbers:
    """What tenants have waiting, and what workers have given them."""

    @abstractmethod
    def insights(self) -> Insights:
        """Return live numbers; never counts ended jobs one by one on a large table."""

    def backlogs(self, wanted: BacklogQuery) -> Backlogs:
        """Return how many unfinished jobs tenants have, by few and bounded reads.

        A store that has no way of its own counts all of them.
        """
        return backlogs_of(self.insights(), wanted)

    def count_servings(self, servings: Sequence[Serving]) -> None:
        """Add what a worker has given tenants, where the store keeps any of it."""
        return

    def servings(self, since: datetime, tenants: Sequence[str]) -> Served:
        """Return what workers have given these tenants since about a moment, and all together."""
        return Served(since)
