"""Handing out ready jobs: Redis looks and takes, and whose turn it is is decided here."""

import json
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from django_taskq.jobs.attempt import errors_in
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.fairness import Handed
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.origin import NO_ORIGIN
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.redis.codec import read_attempts, read_moment, spec_of, write_lane
from django_taskq.stores.redis.hands import Hand, Hands
from django_taskq.stores.redis.rulings import Rulings
from django_taskq.stores.redis.wakeups import Wakeups
from django_taskq.stores.redis.window import Offer, look_of, offers_of

# Among so many lanes at least a claim looks for the tenants that had least.
LEAST_LANES = 32
# So often a claim looks past thousands of tenants none of whom may start a job; the next one goes
# on from there, after so many seconds.
MOST_LOOKS = 10
COME_BACK = 0.5


class Taken(NamedTuple):
    """What a script that hands jobs out has handed out."""

    claims: list[Claim]
    opens_in: float | None


class Claims:
    """Claims for the workers of this process."""

    def __init__(self, rulings: Rulings, hands: Hands, wakeups: Wakeups) -> None:
        self._rulings = rulings
        self._hands = hands
        self._wakeups = wakeups

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs, or suspects, in the order they should start."""
        if request.suspects:
            return self._claim_suspects(request)
        hand = self._hands.of(request.worker_id)
        claiming = Claiming(self._rulings, hand, request, self._wakeups)
        has_more = claiming.take_handed()
        claims = claiming.run() if has_more else claiming.taken
        opens_in = claiming.opens_in
        hand.opens_at = None if opens_in is None else monotonic() + opens_in
        return claims

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which a worker's next claim may find more."""
        hand = self._hands.find(worker_id)
        opens_at = None if hand is None else hand.opens_at
        return None if opens_at is None else max(0.0, opens_at - monotonic())

    def _claim_suspects(self, request: ClaimRequest) -> list[Claim]:
        asked = {
            "queues": None if request.queues is None else dict.fromkeys(request.queues, True),
            "excluded": dict.fromkeys(request.excluded_queues, True),
            "served": [
                {"names": dict.fromkeys(served.names, True), "is_rest": served.is_rest}
                for served in (request.tenants, request.steal)
                if served is not None and request.tenants is not None
            ],
        }
        told = self._rulings.run(
            "suspects", 0, request.limit, int(request.patience * 1_000_000), request.worker_id,
            request.limit, json.dumps(asked),
        )  # fmt: skip
        return taken_of(told, request.worker_id).claims


class Claiming:
    """One claim under way: rounds of looking, planning and taking. `taken` are its jobs so far."""

    def __init__(
        self, rulings: Rulings, hand: Hand, request: ClaimRequest, wakeups: Wakeups
    ) -> None:
        self.opens_in: float | None = None
        self._rulings = rulings
        self._hand = hand
        self._request = request
        self._weigh = rulings.rules.weight_of
        self._free = request.limit if request.free is None else request.free
        self._slots = request.limit if request.slots is None else request.slots
        self.taken: list[Claim] = []
        self._left = MOST_LOOKS
        self._wakeups = wakeups

    def take_handed(self) -> bool:
        """Take what came along with a ring while the worker slept; return whether to look for more.

        It is in the worker's hand already.
        """
        handed, is_rung = self._wakeups.handed(self._request.worker_id)
        for told in handed:
            now, entry = json.loads(told)
            for claim in claims_of([entry], read_moment(now), self._request.worker_id):
                band = 0 if claim.priority >= 100 else 1
                lane = Lane(claim.queue, band, claim.tenant)
                self._hand.plan((lane,), 1, self._slots, self._weigh, monotonic())
                self._note(Taken([claim], None))
        return is_rung or not handed

    def run(self) -> list[Claim]:
        """Take the jobs whose turn it is, in the order of their starts."""
        request = self._request
        self._serve(request.tenants, request.limit)
        if request.tenants is not None and request.steal is not None:
            idle = self._free if request.idle is None else request.idle
            self._serve(request.steal, min(idle, request.limit))
        return self.taken

    def _serve(self, tenants: Tenants | None, most: int) -> None:
        while (wanted := most - len(self.taken)) > 0:
            if not self._round(tenants, wanted):
                return

    def _round(self, tenants: Tenants | None, wanted: int) -> bool:
        """Take jobs from the lanes that come next; return whether another round may find more."""
        most = max(LEAST_LANES, wanted)
        look = json.dumps(look_of(self._request, self._hand.turns, tenants))
        grab = 0 if self._hand.has_share else wanted
        told = self._run("look", self._request.worker_id, most, grab, look, self._may_rest())
        self._wakeups.note_rest(self._request.worker_id, told[-1])
        if told[0] == b"taken":
            return self._grabbed(told)
        _, _, opens, seen, is_all, stop, _ = told
        self._note_opening(_seconds(opens))
        offers = offers_of(seen, self._hand.turns, most)
        if not offers:
            return bool(stop) and self._go_on_behind(stop)
        claims = self._take_in_turn(offers, wanted)
        waiting = sum(offer.waiting for offer in offers)
        return bool(claims) and not (is_all and len(offers) < most and len(claims) == waiting)

    def _may_rest(self) -> str:
        """Say whether the worker would take any job at once that nothing bounds."""
        request = self._request
        takes_any = request.queues is None and not request.excluded_queues and not request.tenants
        is_idle = bool(request.idle) and not self.taken and not self._hand.has_share
        if takes_any and is_idle and self._rulings.may_hand_over:
            return "1"
        return "0" if self._wakeups.may_be_handed(request.worker_id) else ""

    def _go_on_behind(self, stop: Sequence[bytes]) -> bool:
        """Pass over those who may not start; return whether this claim is to look for more."""
        band, queue, tenant = stop
        self._hand.turns.move_to(Lane(queue.decode(), int(band), tenant.decode()))
        self._left -= 1
        if self._left <= 0:
            self._note_opening(COME_BACK)
        return self._left > 0

    def _grabbed(self, told: Any) -> bool:
        """Note what was taken from the only lane there was; return whether it has more."""
        band, queue, tenant, waiting = told[4:8]
        lane = Lane(queue.decode(), int(band), tenant.decode())
        self._hand.plan((lane,), 1, self._slots, self._weigh, monotonic())
        claims = self._note(taken_of(told, self._request.worker_id))
        return 0 < len(claims) < int(waiting)

    def _take_in_turn(self, offers: Sequence[Offer], wanted: int) -> list[Claim]:
        waiting = sum(offer.waiting for offer in offers)
        places = self._hand.plan(
            [offer.lane for offer in offers], min(wanted, waiting), self._slots, self._weigh,
            monotonic(),
        )  # fmt: skip
        if not places:
            return []
        picked = {place: number for number, place in enumerate(dict.fromkeys(places), 1)}
        arguments: list[Any] = [len(picked)]
        for place in picked:
            lane, gates, _ = offers[place]
            arguments += (len(gates), *(write_lane(lane, gate) for gate in gates))
        arguments += (picked[place] for place in places)
        told = self._run("take", self._request.worker_id, *arguments)
        return self._note(taken_of(told, self._request.worker_id))

    def _run(self, name: str, *arguments: Any) -> Any:
        patience = int(self._request.patience * 1_000_000)
        return self._rulings.run(name, len(self.taken), self._free, patience, *arguments)

    def _note(self, taken: Taken) -> list[Claim]:
        claims = taken.claims
        self._note_opening(taken.opens_in)
        handed = []
        served = None
        for claim in claims:
            band = 0 if claim.priority >= 100 else 1
            handed.append(Handed(claim.seq, claim.tenant, claim.task, band))
            lane = Lane(claim.queue, band, claim.tenant)
            if lane != served:
                served = lane
                self._hand.turns.move_to(lane)
        self._hand.charge(handed, self._weigh)
        self.taken += claims
        return claims

    def _note_opening(self, seconds: float | None) -> None:
        if seconds is not None:
            known = self.opens_in
            self.opens_in = seconds if known is None else min(known, seconds)


def taken_of(told: Any, worker_id: str) -> Taken:
    """Read what a script that hands jobs out returns."""
    claims = claims_of(json.loads(told[3]), read_moment(told[1]), worker_id)
    return Taken(claims, _seconds(told[2]))


def claims_of(entries: Sequence[Any], claimed_at: datetime, worker_id: str) -> list[Claim]:
    """Read jobs as scripts write those that they hand out."""
    read_at = monotonic()
    claims = []
    for (
        attempt, seq, id, values, enqueued, tries, lost, started, workers, metadata, ctx, attempts,
        ends,
    ) in entries:  # fmt: skip
        spec = spec_of(id, values, metadata or None)
        origin = spec.origin or NO_ORIGIN
        claim = Claim(
            int(seq), id, spec.task, spec.args, spec.kwargs, spec.queue, spec.tenant,
            spec.priority, attempt, tries, lost, spec.max_tries,
            worker_id, read_moment(enqueued), spec.run_after, claimed_at,
            read_moment(started) if started else None, workers or None, spec.metadata,
            spec.options, ctx or None, spec.trace, origin.run_id, origin.node, origin.map_index,
            origin.scheduled_for, spec.task_id, read_at,
            errors_in(read_attempts(attempts)) if attempts else (),
            read_at + int(ends) / 1_000_000 if ends else None,
        )  # fmt: skip
        claims.append(claim)
    return claims


def _seconds(told: bytes) -> float | None:
    microseconds = int(told)
    return None if microseconds < 0 else microseconds / 1_000_000
