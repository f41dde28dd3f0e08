"""What a lane has to give to a claim."""

from typing import NamedTuple

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import Limit
from django_taskq.stores.memory.line import Line


class Part(NamedTuple):
    """The jobs of a lane that have one gate, and what bounds them."""

    line: Line
    limits: tuple[Limit, ...]


class Offer(NamedTuple):
    """A lane with ready jobs, by gate."""

    lane: Lane
    parts: tuple[Part, ...]
