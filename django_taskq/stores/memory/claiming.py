"""Whose jobs a claim hands out, and in which order."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fairness import Handed
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE, Limit, queue_key
from django_taskq.jobs.spec import Band
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.memory.hand import Hand
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.lanes import Lanes
from django_taskq.stores.memory.limits import NEVER, Limits, limits_of_gate
from django_taskq.stores.memory.line import Line
from django_taskq.stores.memory.offer import Offer, Part
from django_taskq.stores.memory.ring import Ring

# Among so many lanes at least a claim looks for the tenants that had least.
LEAST_LANES = 32


class Claiming:
    """One claim under way: rounds of looking, planning and taking.

    `now` is the store's clock and `at` the monotonic one.
    """

    def __init__(
        self, lanes: Lanes, limits: Limits, hand: Hand, request: ClaimRequest,
        now: datetime, at: float,
    ) -> None:  # fmt: skip
        self._lanes = lanes
        self._limits = limits
        self._hand = hand
        self._request = request
        self._now = now
        self._at = at
        self._free = request.limit if request.free is None else request.free
        self._opens_at = NEVER
        self._started = 0
        self._served: Lane | None = None
        self._taken: list[MemoryJob] = []

    def run(self) -> list[MemoryJob]:
        """Take the jobs whose turn it is out of their lanes, in the order of their starts."""
        request = self._request
        self._serve(request.tenants, request.limit)
        if request.tenants is not None and request.steal is not None:
            idle = self._free if request.idle is None else request.idle
            self._serve(request.steal, min(idle, request.limit))
        return self._taken

    @property
    def opens_at(self) -> float | None:
        """When a limit that was met lets a job start, on the monotonic clock; None where time alone
        does not.
        """
        if self._opens_at is NEVER:
            return None
        return self._at + (self._opens_at - self._now).total_seconds()

    def _serve(self, tenants: Tenants | None, most: int) -> None:
        while self._lanes and (wanted := most - len(self._taken)) > 0:
            if not self._round(tenants, wanted):
                return

    def _round(self, tenants: Tenants | None, wanted: int) -> bool:
        """Take jobs from the lanes that come next; return whether there were any."""
        lone = self._lanes.lone()
        if lone is not None and self._is_plain(lone.lane):
            jobs = self._take_alone(lone, wanted)
        else:
            jobs = self._take_in_turn(self._window(tenants, max(LEAST_LANES, wanted)), wanted)
        handed = [Handed(job.seq, (spec := job.spec).tenant, spec.task, spec.band) for job in jobs]
        self._hand.accounts.charge(handed, self._limits.rules.weight_of)
        self._taken += jobs
        return bool(jobs)

    def _is_plain(self, lane: Lane) -> bool:
        """Tell whether the worker serves a lane, and no operator has said anything."""
        request, rules = self._request, self._limits.rules
        return (
            not rules.tenants
            and not rules.queues
            and request.tenants is None
            and (request.queues is None or lane.queue in request.queues)
            and lane.queue not in request.excluded_queues
        )

    def _take_alone(self, offer: Offer, wanted: int) -> list[MemoryJob]:
        """Take from the only lane there is: what a look around would come to, in fewer steps."""
        lane, ((line, _),) = offer
        jobs = line.take(len(self._plan((lane,), min(wanted, line.waiting))))
        if jobs:
            self._note_starts(lane, line, jobs)
        return jobs

    def _take_in_turn(self, offers: list[Offer], wanted: int) -> list[MemoryJob]:
        waiting = sum(line.waiting for offer in offers for line, _ in offer.parts)
        places = self._plan([offer.lane for offer in offers], min(wanted, waiting))
        return [job for place in places for job in self._take(offers[place])]

    def _plan(self, lanes: Sequence[Lane], wanted: int) -> list[int]:
        slots = self._request.limit if self._request.slots is None else self._request.slots
        weigh = self._limits.rules.weight_of
        return self._hand.accounts.plan(lanes, wanted, slots, weigh, self._at)

    def _window(self, tenants: Tenants | None, most: int) -> list[Offer]:
        """Return the next lanes of each band, at most so many.

        The queues come in turn, and so do the tenants of a queue.
        """
        offers: list[Offer] = []
        for band in (Band.CRITICAL, Band.REGULAR):
            ready = self._lanes.queues(band)
            if not ready:
                continue
            end = len(offers) + most
            for queue in self._in_turn(ready):
                offers.extend(islice(self._offers(queue, band, tenants), end - len(offers)))
                if len(offers) >= end:
                    break
        return offers

    def _in_turn(self, ready: Collection[str]) -> list[str]:
        """Return those of these queues that are served, in turn."""
        named, excluded = self._request.queues, self._request.excluded_queues
        rules = self._limits.rules.queues
        served = [
            queue
            for queue in (ready if named is None else dict.fromkeys(named))
            if queue in ready
            and queue not in excluded
            and not (queue in rules and rules[queue].is_paused)
        ]
        return served if len(served) == 1 else self._hand.turns.order_queues(served)

    def _offers(self, queue: str, band: int, tenants: Tenants | None) -> Iterator[Offer]:
        """Walk around the tenants of a queue that have jobs which may start now."""
        rings = self._open_rings(queue, band)
        after = self._hand.turns.last_tenant(queue, band)
        rules = self._limits.rules
        if len(rings) == 1 and NO_GATE in rings and not rules.tenants and queue not in rules.queues:
            ring = rings[NO_GATE]
            return map(ring.offer, ring.behind(after, tenants))
        return self._bounded_offers(queue, band, rings, _around(rings.values(), after, tenants))

    def _bounded_offers(
        self, queue: str, band: int, rings: dict[str, Ring], names: Iterable[str]
    ) -> Iterator[Offer]:
        for tenant in names:
            until = self._limits.shut_until(tenant, self._now)
            if until is not None:
                self._opens_at = min(self._opens_at, until)
                continue
            parts = tuple(
                Part(line, limits)
                for gate, ring in rings.items()
                if (line := ring.line(tenant)) is not None
                and self._may_start(limits := self._limits.of(queue, tenant, gate))
            )
            if parts:
                yield Offer(Lane(queue, band, tenant), parts)

    def _open_rings(self, queue: str, band: int) -> dict[str, Ring]:
        """Return the rings of a queue but those that all stand behind a closed gate."""
        rule = self._limits.rules.queues.get(queue)
        cap = None if rule is None else rule.max_running
        if cap is not None and not self._may_start((Limit(queue_key(queue), cap),)):
            return {}
        return {
            gate: ring
            for gate, ring in self._lanes.rings(band, queue).items()
            if gate == NO_GATE or self._may_start(limits_of_gate(gate))
        }

    def _may_start(self, limits: tuple[Limit, ...]) -> bool:
        """Tell whether one more may start now; note when, where that is a matter of time."""
        if not limits:
            return True
        if self._started >= self._free:
            return False
        seconds = self._limits.opens_in(limits, self._now)
        if seconds:
            self._opens_at = min(self._opens_at, self._now + timedelta(seconds=seconds))
        return seconds == 0.0

    def _take(self, offer: Offer) -> list[MemoryJob]:
        """Take the first job of a lane that may start, if any is left."""
        lane, parts = offer
        part = parts[0] if len(parts) == 1 else self._first(parts)
        if part is None or not self._may_start(part.limits):
            return []
        jobs = part.line.take(1)
        if jobs:
            if part.limits:
                jobs[0].start_by = self._start(part.limits)
            self._note_starts(lane, part.line, jobs)
        return jobs

    def _note_starts(self, lane: Lane, line: Line, jobs: list[MemoryJob]) -> None:
        self._started += len(jobs)
        if self._limits.is_counting:
            for job in jobs:
                self._limits.count(job.spec)
        if not line.waiting:
            self._lanes.tidy(jobs[-1])
        if lane is not self._served:
            self._served = lane
            self._hand.turns.move_to(lane)

    def _first(self, parts: Iterable[Part]) -> Part | None:
        """Return the part whose first job comes first, among those that may start."""
        firsts = [
            (job.rank, job.seq, part)
            for part in parts
            if (job := part.line.first()) is not None and self._may_start(part.limits)
        ]
        return min(firsts)[2] if firsts else None

    def _start(self, limits: tuple[Limit, ...]) -> float | None:
        ends_in = self._limits.spend(limits, self._now, self._request.patience)
        return None if ends_in is None else self._at + ends_in


def _around(rings: Iterable[Ring], after: str, tenants: Tenants | None) -> Iterator[str]:
    """Walk once around several rings at a time, from behind a tenant; each name comes once."""
    walks = [ring.behind(after, tenants) for ring in rings]
    if len(walks) == 1:
        yield from walks[0]
        return
    last = None
    for name in merge(*walks, key=lambda name: (name <= after, name)):
        if name != last:
            yield name
        last = name
