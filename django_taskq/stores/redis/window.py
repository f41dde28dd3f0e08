"""The lanes that a claim may take from, as Redis tells them, in the order in which they come."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.tenants import Tenants
from django_taskq.jobs.turns import Turns

# Of so many queues the place in their rings goes along with a claim.
MOST_TURNS = 256


class Offer(NamedTuple):
    """A lane with ready jobs that may start: behind which gates, and how many."""

    lane: Lane
    gates: tuple[str, ...]
    waiting: int


class Ring(NamedTuple):
    """The tenants of a queue and band with jobs behind one gate, in turn."""

    queue: str
    band: int
    gate: str
    waiting: dict[str, int]


def look_of(request: ClaimRequest, turns: Turns, tenants: Tenants | None) -> dict[str, Any]:
    """Return what a look is to go by."""
    queues = None
    if request.queues is not None:
        named = [q for q in dict.fromkeys(request.queues) if q not in request.excluded_queues]
        queues = turns.order_queues(named)
    names = None if tenants is None else tenants.names
    return {
        "queues": queues,
        "behind": turns.last_queue,
        "excluded": dict.fromkeys(request.excluded_queues, True),
        "names": names,
        "is_rest": tenants is not None and tenants.is_rest,
        "turns": {
            f"{band}:{queue}": [tenant, 0 if names is None else bisect_right(names, tenant)]
            for queue, band, tenant in turns.latest(MOST_TURNS)
        },
    }


def offers_of(seen: Iterable[list[Any]], turns: Turns, most: int) -> list[Offer]:
    """Return the lanes of what a look has seen, at most so many of each band."""
    rings = [_ring_of(told) for told in seen]
    offers: list[Offer] = []
    for band, of_band in groupby(rings, lambda ring: ring.band):
        end = len(offers) + most
        for queue, of_queue in groupby(of_band, lambda ring: ring.queue):
            offers += _offers(queue, band, list(of_queue), turns)
        del offers[end:]
    return offers


def _ring_of(told: list[Any]) -> Ring:
    band, queue, gate, *waiting = told
    names = [name.decode() for name in waiting[::2]]
    counts = dict(zip(names, waiting[1::2], strict=True))
    return Ring(queue.decode(), int(band), gate.decode(), counts)


def _offers(queue: str, band: int, rings: list[Ring], turns: Turns) -> Iterator[Offer]:
    if len(rings) == 1:
        (ring,) = rings
        for tenant, waiting in ring.waiting.items():
            yield Offer(Lane(queue, band, tenant), (ring.gate,), waiting)
        return
    after = turns.last_tenant(queue, band)
    walks = [ring.waiting for ring in rings]
    for tenant in dict.fromkeys(merge(*walks, key=lambda name: (name <= after, name))):
        parts = [ring for ring in rings if tenant in ring.waiting]
        gates = tuple(ring.gate for ring in parts)
        yield Offer(Lane(queue, band, tenant), gates, sum(ring.waiting[tenant] for ring in parts))
