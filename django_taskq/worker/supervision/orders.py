"""What a child is told at its start; plain values, since they travel to a spawned process too."""

from typing import NamedTuple

from django_taskq.worker.process import Plan


class Orders(NamedTuple):
    """What one child is to run. `max_memory` is in bytes."""

    plans: tuple[Plan, ...]
    max_memory: int | None = None
    verbosity: int = 1

    @property
    def places(self) -> int:
        """How many workers the child has."""
        return len(self.plans)

    @property
    def slots(self) -> int:
        """How many attempts its functions can be in at a time."""
        most = max(plan.settings.threads + plan.settings.async_concurrency for plan in self.plans)
        return self.places * (most + 1)
