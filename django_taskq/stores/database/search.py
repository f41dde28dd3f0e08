"""One claim's way along the lanes: which it may take from, and where to look for more."""

from collections.abc import Iterable

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.database.closings import Closings
from django_taskq.stores.database.turns import Turns
from django_taskq.stores.database.window import PLAIN, Gates, Look, Window

# Lanes of each band among which a claim chooses, if it wants fewer jobs than these.
LEAST_WINDOW = 32
# So many tenants are looked for by name.
FEW_NAMES = 200
# Lanes, or names, that one look shows where it may take many of them, and that one claim sees.
PAGE = 250
MOST_LOOKED = 1000
# Seconds after which the next claim goes on where one gave up.
GOES_ON_IN = 0.02

_NOTHING: frozenset[str] = frozenset()


class Search:
    """What one claim knows of the lanes, and what it still has to ask.

    `free` is how many slots are left for jobs that start at once, as limited ones must. What a
    claim has looked at in vain is behind the place where the worker stands from then on, so that
    its next claim sees something else.
    """

    def __init__(
        self, request: ClaimRequest, rules: Rules, turns: Turns, chosen: Tenants | None
    ) -> None:
        self.rules = rules
        self.closings = Closings(rules)
        self.free = request.limit if request.free is None else min(request.free, request.limit)
        self.is_stalled = False
        self._request = request
        self._turns = turns
        self._chosen = chosen
        self._is_large = chosen is not None and len(chosen.names) > FEW_NAMES
        self._has_rules = bool(rules.tenants or rules.queues)
        self._may_be_bound = self._has_rules
        self._open: dict[Lane, Gates] = {}
        self._seen: set[Lane] = set()
        self._looked = self._names_looked = 0
        self._has_more = self._needs_more = True

    @property
    def is_blank(self) -> bool:
        """Whether there is no lane that could ever be served as things stand."""
        return not self._seen and not self._has_more

    @property
    def goes_on_in(self) -> float | None:
        """The seconds after which the next claim is to look at what this one did not see."""
        return GOES_ON_IN if self._has_more else None

    def is_short(self) -> bool:
        """Tell whether to look for lanes before more jobs are taken."""
        if not self._has_more or self._looked >= MOST_LOOKED:
            return False
        return self._needs_more or not self.lanes()

    def look(self, wanted: int) -> Look:
        """Return what to look for next."""
        request, rules = self._request, self.rules
        most = max(LEAST_WINDOW, wanted)
        if self._looked or self._is_large:
            most = max(PAGE, most)
        return Look(
            self._turns,
            request.queues,
            request.excluded_queues | (rules.paused_queues() if self._has_rules else _NOTHING),
            self._left_out(),
            self.closings.gates,
            most,
            most if self.free > 0 else 0,
            self._names(),
        )

    def add(self, look: Look, window: Window) -> None:
        """Take in what a look has shown."""
        lanes, is_cut = window
        has_news = not self._seen.issuperset(lanes)
        self._seen.update(lanes)
        self._may_be_bound = self._has_rules or any(gates != PLAIN for gates in lanes.values())
        if look.names is None:
            self._looked += max(1, len(lanes))
            self._has_more = is_cut and has_news
        else:
            self._looked += PAGE
            self._names_looked += PAGE
            self._has_more = self._is_large and self._names_looked < len(self._all_names())
        self._open = lanes
        if self._chosen is not None or self.closings:
            self._shut()
        self._needs_more = False
        if not self.lanes():
            self._turns.move_along(lanes)

    def lanes(self) -> dict[Lane, Gates]:
        """Return the lanes to take from. Without a free slot limited jobs are not among them."""
        if self.free > 0 or not self._may_be_bound:
            return self._open
        return {
            lane: PLAIN
            for lane, gates in self._open.items()
            if NO_GATE in gates and not self.is_bound(lane, PLAIN)
        }

    def is_bound(self, lane: Lane, gates: Gates) -> bool:
        """Tell whether limits say how many of a lane's jobs may start."""
        if gates != PLAIN:
            return True
        return self._has_rules and bool(self.rules.limits_of(lane.queue, lane.tenant))

    def took(self, visited: Iterable[Lane], count: int) -> None:
        """Note that jobs were taken; the closings know by now which lanes are left."""
        known = set(visited)
        self._turns.move_along(lane for lane in self._open if lane in known)
        self.free = max(0, self.free - count)
        self._needs_more = count > 0
        self.is_stalled = not count
        if self.closings:
            self._shut()

    def pass_over(self) -> bool:
        """Leave the lanes that were found; tell whether there may be others to look at."""
        if not self._open or not self._has_more or self._looked >= MOST_LOOKED:
            return False
        self._turns.move_along(self._open)
        self._open = {}
        return True

    def _shut(self) -> None:
        """Leave out the lanes of foreign tenants, and what is closed by now."""
        chosen, left = self._chosen, {}
        for lane, gates in self._open.items():
            if chosen is None or lane.tenant in chosen:
                gates = self.closings.open_gates(lane, gates)
                if gates:
                    left[lane] = gates
        self._open = left

    def _left_out(self) -> frozenset[str]:
        """Return the tenants that the rings are to leave out."""
        paused = self.rules.paused_tenants() if self._has_rules else _NOTHING
        if self._chosen is None or not self._chosen.is_rest or self._is_large:
            return paused
        return paused.union(self._chosen.names)

    def _names(self) -> tuple[str, ...] | None:
        """Return the tenants to look for by name, None where the ring is walked.

        Of many, the ring is looked at first: it may be short, and then that was all.
        """
        if self._chosen is None or self._chosen.is_rest or (self._is_large and not self._looked):
            return None
        names = self._all_names()
        if self._is_large:
            names = self._turns.next_names(names, PAGE)
        return tuple(name for name in names if not self.rules.is_paused("", name))

    def _all_names(self) -> tuple[str, ...]:
        return () if self._chosen is None else self._chosen.names
