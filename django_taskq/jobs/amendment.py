"""What is to change of jobs that wait: their queue, their priority."""

from typing import NamedTuple

from django_taskq.jobs.spec import JobSpec

LOWEST_PRIORITY = -100
HIGHEST_PRIORITY = 100


class Amendment(NamedTuple):
    """Another queue, another priority, or both; None leaves a field as it is."""

    queue: str | None = None
    priority: int | None = None

    def of(self, spec: JobSpec) -> JobSpec:
        """Return a spec as it is with the change."""
        changed = {name: value for name, value in self._asdict().items() if value is not None}
        return spec._replace(**changed)

    def rank(self, rank: int, before: int, aging: float | None) -> int:
        """Return the place in its lane of a job that had a rank and a priority before.

        What it has waited so far counts on: with `aging` the rank changes by what the
        difference of the priorities is worth, in milliseconds.
        """
        if self.priority is None:
            return rank
        if aging is None:
            return -self.priority
        return rank + int(before * aging * 1000) - int(self.priority * aging * 1000)


def check_priority(value: object) -> str | None:
    """Return what is wrong with a priority, or None where it can be used."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and LOWEST_PRIORITY <= value <= HIGHEST_PRIORITY:  # type: ignore[operator]
        return None
    return f"expected a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}, got {value!r}"
