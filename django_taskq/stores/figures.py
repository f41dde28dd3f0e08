"""The part of the stores' contract that tells numbers."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.backlogs import BacklogQuery, Backlogs, backlogs_of
from django_taskq.jobs.counts import Counts
from django_taskq.jobs.glance import Glance, glance_of
from django_taskq.jobs.hindrance import Hindrance
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.rollups import Rollup, Span, Trend, trend_of
from django_taskq.jobs.servings import Served, Serving


class Figures:
    """What waits, runs and has ended, by the number."""

    @abstractmethod
    def insights(self) -> Insights:
        """Return live numbers; never counts ended jobs one by one on a large table."""

    def glance(self, most: int) -> Glance:
        """Return live numbers by queue, read quickly however many jobs there are.

        Where there are more than `most` of a kind that is dear to count, that much is said.
        """
        return glance_of(self.insights())

    def hindrances(self) -> tuple[Hindrance, ...]:
        """Return what of a database itself slows the queue down."""
        return ()

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

    def count(self, counted: Sequence[Counts]) -> None:
        """Add what a worker has counted of attempts to the roll-ups, where the store keeps any."""
        return

    def rollups(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span, those that began at a moment or later, oldest first."""
        return []

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment, and which tasks failed."""
        return trend_of(self.rollups(span, since))
