"""What a finish gives back that hands on what it frees."""

from collections.abc import Sequence
from typing import NamedTuple

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.states import State


class Relayed(NamedTuple):
    """Each job's new state, None where refused, and the freed jobs that the worker now holds."""

    states: Sequence[State | None]
    claims: Sequence[Claim] = ()
