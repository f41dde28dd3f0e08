"""Whom a worker serves, as people read it: the first names, and how many there are."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from django_taskq.jobs.tenants import Tenants

MOST_SHOWN = 50
NO_TENANT = "(none)"


class Assignment(NamedTuple):
    """The tenants that a worker serves first, and those that it steals from.

    Of many names only the first are kept; the totals are those of all.
    """

    tenants: tuple[str, ...]
    total: int
    steal: tuple[str, ...] = ()
    steal_total: int = 0
    is_stealing_from_all: bool = False

    def __str__(self) -> str:
        own = _told(self.tenants, self.total)
        if self.is_stealing_from_all:
            return f"{own}; steals from all others"
        if self.steal_total:
            return f"{own}; steals from {_told(self.steal, self.steal_total)}"
        return own


def assignment_of(tenants: Tenants | None, steal: Tenants | None) -> Assignment | None:
    """Return what to tell of a worker with these, None where it serves everybody."""
    if tenants is None:
        return None
    own, count = tenants.names[:MOST_SHOWN], len(tenants.names)
    if steal is None:
        return Assignment(own, count)
    if steal.is_rest:
        return Assignment(own, count, is_stealing_from_all=True)
    return Assignment(own, count, steal.names[:MOST_SHOWN], len(steal.names))


def write_assignment(assignment: Assignment | None) -> str | None:
    """Return an assignment as it is stored."""
    return None if assignment is None else json.dumps(assignment._asdict())


def read_assignment(text: str | None) -> Assignment | None:
    """Read what `write_assignment` returned, None where it is something else.

    Keys that a later release writes are passed over.
    """
    try:
        found = json.loads(text or "")
        return Assignment(
            tuple(map(str, found["tenants"])),
            int(found["total"]),
            tuple(map(str, found.get("steal", ()))),
            int(found.get("steal_total", 0)),
            bool(found.get("is_stealing_from_all", False)),
        )
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _told(names: Sequence[str], count: int) -> str:
    told = ", ".join(name or NO_TENANT for name in names)
    return f"{told} and {count - len(names)} more" if count > len(names) else told
