"""Handing out ready jobs: the way of every database, and the statements of the plain one."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from django.db.models import F, Q

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.spec import Band
from django_taskq.jobs.states import State
from django_taskq.stores.database.books import Book, Books, End
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.limited import Limited
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rounds import Round, handed_of
from django_taskq.stores.database.search import Search
from django_taskq.stores.database.taken import COLUMNS, Taken, taken_of, with_errors
from django_taskq.stores.database.turns import Visit
from django_taskq.stores.database.window import Look, Rings, Triple, window_of


class Claims:
    """Finds the lanes whose turn it is and takes jobs from them.

    Which lanes, how many from each and taking them are three steps: a database overrides the
    first and the last, and the share of a lane is decided without it. `rules` are what operators
    say of tenants and queues; who reads them anew puts another value there.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rules = Rules()
        self.books = Books(place.options.tenant_share)
        self._limited = Limited(place)

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs in the order they should start."""
        taken, _ = self.hand_out(request)
        return with_errors(self.place, [row.claim for row in taken])

    def hand_out(self, request: ClaimRequest) -> tuple[list[Taken], bool]:
        """Return what a claim takes, and whether there is no lane to take from at any time."""
        book = self.books.of(request.worker_id)
        book.opens_in = None
        request = request._replace(slots=request.slots or request.limit)
        own = Search(request, self.rules, book.turns, request.tenants)
        taken = self._sweep(request, own, book)
        idle = request.free if request.idle is None else request.idle
        left = (request.limit if idle is None else min(idle, request.limit)) - len(taken)
        if request.tenants is None or request.steal is None or left <= 0:
            return taken, own.is_blank
        request = request._replace(limit=left, free=left)
        foreign = Search(request, self.rules, book.foreign_turns, request.steal)
        taken += self._sweep(request, foreign, book)
        return taken, own.is_blank and foreign.is_blank

    def _sweep(self, request: ClaimRequest, search: Search, book: Book) -> list[Taken]:
        """Take what a search finds, until it is enough or there is no more."""
        taken: list[Taken] = []
        while len(taken) < request.limit:
            wanted = request.limit - len(taken)
            while search.is_short():
                look = search.look(wanted)
                search.add(look, window_of(self.find(look), look))
            turn = Round(search, book, wanted, request.slots or request.limit)
            if turn.starts:
                taken += self._take_turn(request, turn)
            elif not search.pass_over():
                book.come_back_in(search.goes_on_in)
                break
        return taken

    def _take_turn(self, request: ClaimRequest, turn: Round) -> list[Taken]:
        for visits in turn.plain:
            turn.add(visits, self.take(request.worker_id, visits))
        if turn.limited:
            turn.add_limited(self._limited.take(request, turn.limited, turn.free, self.rules))
        return turn.end()

    def hand_over(self, worker_id: str, taken: Sequence[Taken]) -> list[Claim]:
        """Charge what a finish has handed to a worker, and return it in the order of its starts."""
        ordered = sorted(taken)
        if ordered:
            book = self.books.of(worker_id)
            book.charge(map(handed_of, ordered), self.rules.weight_of, ())
        return with_errors(self.place, [row.claim for row in ordered])

    def opens_in(self, worker_id: str) -> float | None:
        """Return the seconds after which a worker's next claim may find more than its last."""
        book = self.books.find(worker_id)
        return None if book is None else book.opens_in

    def settle(self, worker_id: str, ends: Iterable[End]) -> set[int]:
        """Note which jobs left a worker's hand and how long each ran; return the limited ones."""
        book = self.books.find(worker_id)
        return book.settle(ends) if book is not None else set()

    # Looking and taking.

    def find(self, look: Look) -> list[Rings]:
        """Return the rings of tenants with ready jobs that a look asks for, in serving order.

        Critical work comes first, then the queues in turn, further ones only where there is room.
        """
        gates: dict[tuple[str, int], list[str]] = {}
        for queue, band, gate in self.triples(look):
            if queue not in look.excluded_queues:
                gates.setdefault((queue, band), []).append(gate)
        room = dict.fromkeys((Band.CRITICAL, Band.REGULAR), look.most)
        found: list[Rings] = []
        for queue, band in look.turns.serving_order(gates):
            if room.get(band, 0) > 0:
                rings = {
                    gate: self.tenants(Triple(queue, band, gate), look, room[band])
                    for gate in gates[queue, band]
                    if look.sees(gate)
                }
                plain = rings.pop(NO_GATE, [])
                found.append(Rings(queue, band, plain, rings))
                room[band] -= len(plain)
        return found

    def triples(self, look: Look) -> Iterator[Triple]:
        """Return all that has ready jobs in the queues looked at, each found by the one before."""
        if look.queues is None:
            yield from self._walk("", None)
        for name in sorted(set(look.queues or ())):
            yield from self._walk(name, name)

    def _walk(self, start: str, only: str | None) -> Iterator[Triple]:
        triple = self.next_triple(Triple(start, -1, ""))
        while triple is not None and only in (None, triple.queue):
            yield triple
            triple = self.next_triple(triple)

    def tenants(self, triple: Triple, look: Look, room: int) -> list[str]:
        """Return tenants with such jobs: those named, or the next ones of the ring."""
        if look.names is not None:
            return self.named(triple, look.names)
        after = look.turns.last_tenant(triple.queue, triple.band)
        most = room if triple.gate == NO_GATE else look.most_gated
        return self.ring(triple, after, most, look.excluded_tenants)

    def next_triple(self, triple: Triple) -> Triple | None:
        """Return the first (queue, band, gate) behind this one that has ready jobs."""
        queue, band, gate = triple
        further = self._ready().filter(
            Q(queue=queue, band=band, gate__gt=gate)
            | Q(queue=queue, band__gt=band)
            | Q(queue__gt=queue)
        )
        columns = ("queue", "band", "gate")
        row = further.order_by(*columns).values_list(*columns).first()
        return None if row is None else Triple(*row)

    def ring(self, triple: Triple, after: str, most: int, without: frozenset[str]) -> list[str]:
        """Return the next tenants of a ring, round the corner to the one served last."""
        tenants = self._tenants(triple).exclude(tenant__in=without)
        found = list(tenants.filter(tenant__gt=after)[:most])
        if len(found) < most:
            found += tenants.filter(tenant__lte=after)[: most - len(found)]
        return found

    def named(self, triple: Triple, names: Sequence[str]) -> list[str]:
        """Return those of some tenants that have such jobs."""
        return list(self._tenants(triple).filter(tenant__in=names))

    def _tenants(self, triple: Triple) -> Any:
        rows = self._ready().filter(queue=triple.queue, band=triple.band, gate=triple.gate)
        return rows.order_by("tenant").values_list("tenant", flat=True).distinct()

    def take(self, worker_id: str, visits: Sequence[Visit]) -> list[Taken]:
        """Take jobs without a gate from lanes of one queue and band."""
        return self.place.settle(self._take, worker_id, visits)

    def _take(self, worker_id: str, visits: Sequence[Visit]) -> list[Taken]:
        place = self.place
        now = place.clock.read(place.connection)
        with place.transaction():
            rows = list(chain.from_iterable(self._lock(visits)))
            place.jobs().filter(pk__in=[row[0] for row in rows], state=State.READY).update(
                state=State.RUNNING,
                attempt=F("attempt") + 1,
                worker_id=worker_id,
                claimed_at=storable(now),
            )
        read_at = time.monotonic()
        return [taken_of(row, worker_id, now, read_at) for row in rows]

    def _lock(self, visits: Sequence[Visit]) -> Iterator[list[Any]]:
        """Lock the first jobs of each lane, passing over those that others have locked."""
        can_skip = self.place.connection.features.has_select_for_update_skip_locked
        for (queue, band, tenant), share in visits:
            yield list(
                self._ready()
                .filter(queue=queue, band=band, gate=NO_GATE, tenant=tenant)
                .select_for_update(skip_locked=can_skip)
                .order_by("rank", "seq")
                .values_list(*COLUMNS)[:share]
            )

    def _ready(self) -> Any:
        return self.place.jobs().filter(state=State.READY, is_parked=False)
