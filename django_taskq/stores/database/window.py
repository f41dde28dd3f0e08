"""What a look into the index of ready jobs asks, and the lanes that it shows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE
from django_taskq.stores.database.turns import Turns

# The gates of a lane none of whose jobs has one.
PLAIN = (NO_GATE,)

type Gates = tuple[str, ...]


class Look(NamedTuple):
    """Which lanes to look for.

    At most `most` plain ones in each band, from where the worker stands in their rings, and
    `most_gated` behind each gate. With `names` these tenants alone are looked for, all of them.
    """

    turns: Turns
    queues: tuple[str, ...] | None
    excluded_queues: frozenset[str]
    excluded_tenants: frozenset[str]
    closed_gates: frozenset[str]
    most: int
    most_gated: int
    names: tuple[str, ...] | None = None

    def sees(self, gate: str) -> bool:
        """Tell whether jobs behind a gate are looked for."""
        return gate == NO_GATE or (self.most_gated > 0 and gate not in self.closed_gates)


class Triple(NamedTuple):
    """A queue, a band and a gate with ready jobs."""

    queue: str
    band: int
    gate: str


class Rings(NamedTuple):
    """Tenants with ready jobs in a queue and band, in turn: those without a gate, and by gate."""

    queue: str
    band: int
    plain: Sequence[str]
    gated: Mapping[str, Sequence[str]]


type Found = Sequence[Any]


class Window(NamedTuple):
    """Lanes in serving order with the gates of their jobs; `is_cut` where there may be more."""

    lanes: dict[Lane, Gates]
    is_cut: bool


def rings_of(rows: Iterable[Found], look: Look) -> list[Rings]:
    """Group rows of (queue, band, gate, tenant) that stand in turn within each of these."""
    pairs: dict[tuple[str, int], dict[str, list[str]]] = {}
    for queue, band, gate, tenant in rows:
        pairs.setdefault((queue, band), {}).setdefault(gate, []).append(tenant)
    found = []
    for pair in look.turns.serving_order(pairs):
        rings = pairs[pair]
        found.append(Rings(*pair, rings.pop(NO_GATE, []), rings))
    return found


def within_room(gated: Iterable[Triple], plain: Iterable[Found], look: Look) -> list[Triple]:
    """Return the triples whose turn comes before plain lanes have filled their band."""
    counts = Counter((queue, band) for queue, band, *_ in plain)
    triples: dict[tuple[str, int], list[Triple]] = {}
    for triple in gated:
        triples.setdefault(triple[:2], []).append(triple)
    room = Counter({band: look.most for _, band in triples})
    kept: list[Triple] = []
    for pair in look.turns.serving_order([*counts, *triples]):
        if room[pair[1]] > 0:
            kept += triples.get(pair, [])
        room[pair[1]] -= counts[pair]
    return kept


def window_of(found: Sequence[Rings], look: Look) -> Window:
    """Put rings that stand in serving order together as lanes."""
    counts = Counter[int]()
    lanes: dict[Lane, Gates] = {}
    is_cut = False
    for rings in found:
        counts[rings.band] += len(rings.plain)
    for rings in found:
        queue, band, plain, gated = rings
        if not gated:
            lanes.update((Lane(queue, band, tenant), PLAIN) for tenant in plain)
            continue
        lanes.update(_merged(rings, look, counts[band] >= look.most))
        is_cut = is_cut or any(len(tenants) >= look.most_gated for tenants in gated.values())
    is_cut = is_cut or any(count >= look.most for count in counts.values())
    return Window(lanes, is_cut and look.names is None)


def _merged(rings: Rings, look: Look, is_plain_cut: bool) -> Iterator[tuple[Lane, Gates]]:
    """Return the lanes of one queue and band in turn.

    What a ring shows of a tenant is all there is only as far as each of the rings goes: gates
    are told for the first tenants that have any. Where the plain ring was cut short the others
    may have plain jobs too, which costs those who look a step and nothing else.
    """
    queue, band, plain, gated = rings
    after = look.turns.last_tenant(queue, band)
    gates_of: dict[str, list[str]] = {}
    for gate in sorted(gated):
        for tenant in gated[gate]:
            gates_of.setdefault(tenant, []).append(gate)
    in_turn = sorted(gates_of, key=lambda tenant: (tenant <= after, tenant))
    told = set(in_turn if look.names is not None else in_turn[: look.most_gated])
    known = set(plain)
    for tenant in sorted(known | told, key=lambda tenant: (tenant <= after, tenant)):
        gates = tuple(gates_of[tenant]) if tenant in told else ()
        if tenant in known or is_plain_cut:
            gates = (NO_GATE, *gates)
        yield Lane(queue, band, tenant), gates
