"""The line in which claims wait for a thread, a child or the event loop."""

from collections import deque
from collections.abc import Sequence

from django_taskq.jobs.claim import Claim


def enter(line: deque[Claim], claims: Sequence[Claim]) -> None:
    """Put claims in line, those whose start has been counted by a rate before all others.

    They lose it when they come late; the others lose milliseconds.
    """
    if any(claim.start_by is not None for claim in claims):
        line.extendleft([claim for claim in claims if claim.start_by is not None][::-1])
        claims = [claim for claim in claims if claim.start_by is None]
    line.extend(claims)
