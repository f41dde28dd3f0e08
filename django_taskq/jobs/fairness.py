"""Whose job starts next: deficit round robin over tenants, charged in worker time.

A worker keeps an **account** for each tenant: the seconds of its time that the tenant has had,
divided by the tenant's weight. The **level** is the round in which the worker stands, on the same
scale. A tenant whose account is above the level is in debt and is passed over; once all who wait
are in debt, the level rises to the least of them, which is as many rounds of deficit round robin
(Shreedhar and Varghese 1995) as nobody would be served in. A tenant that comes back after a pause
starts at the level: it saves nothing, and it keeps its debt.

How long a job will take is not known when it is handed out. It is charged what jobs of its
task took on average; its end corrects that to what it really took.

Critical lanes come first, as long as their tenant is not in debt by more than `LEAD`, and but for
one job in `ONE_IN`, which the rest gets.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Band

ONE_IN = 16
# Seconds of worker time that a tenant may be ahead of others and still have its critical turn.
LEAD = 0.05
# What a job costs its worker beside its own function: loading, signals, the write.
OVERHEAD = 0.00005
# What a job is charged whose task has not been seen to end.
GUESS = 0.0005
# The weight of the latest job in a task's average.
LATEST = 0.1
# A tenant may always hold so many seconds of work, whatever its share of the slots.
SHORT_WORK = 0.005
# Seconds for which a tenant's share is kept free for others after they were last seen to wait.
SEEN_FOR = 5.0
MOST_KNOWN = 20_000

type Weigh = Callable[[str], int]


# What a tenant was charged for a job that its worker holds: (tenant, task, cost, weight). A plain
# tuple, since one is made for every job.
type Charge = tuple[str, str, float, int]


class Handed(NamedTuple):
    """A job that was handed out, as an account needs to know it."""

    seq: int
    tenant: str
    task: str
    band: int


class Accounts:
    """One worker's accounts of the tenants that it serves, over all its queues.

    `share` is the part of the worker's slots that one tenant may hold while others wait. Not safe
    for threads: its store calls it with a lock held. `now` is a monotonic clock.
    """

    def __init__(self, share: float | None = None) -> None:
        self._share = share
        self._level = 0.0
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._owed: dict[str, float] = {}
        self._task_means: OrderedDict[str, float] = OrderedDict()
        self._tenant_means: OrderedDict[str, float] = OrderedDict()
        self._in_hand: dict[int, Charge] = {}
        self._held: dict[str, int] = {}
        self._critical_run = 0
        self._crowded_at = float("-inf")

    def account(self, tenant: str) -> float:
        """Return where a tenant stands: at the level, above it where it is in debt, or below it
        where it was charged more than its jobs took.
        """
        level = self._level
        paid = self._paid.get(tenant, level)
        account = paid if paid > level else level
        return account - self._owed.get(tenant, 0.0) if self._owed else account

    def held(self, tenant: str) -> int:
        """Return how many jobs of a tenant are in hand."""
        return self._held.get(tenant, 0)

    def holds(self, seq: int) -> bool:
        """Tell whether a job was charged and not settled."""
        return seq in self._in_hand

    def plan(
        self, lanes: Sequence[Lane], wanted: int, slots: int, weigh: Weigh, now: float
    ) -> list[int]:
        """Return the places in `lanes` to take one job each from, in the order of their starts.

        The lanes stand in the order of the ring, each with at least one job; how many more it
        has is not known, so that `wanted` places are planned where the shares allow it.
        """
        tenants = {lane.tenant for lane in lanes}
        if not tenants:
            return []
        if len(tenants) > 1:
            self._crowded_at = now
        self._level = max(self._level, min(map(self.account, tenants)))
        is_shared = self._share is not None and now - self._crowded_at < SEEN_FOR
        if len(lanes) == 1 and not is_shared:
            return [0] * wanted
        draft = _Draft(self, lanes, weigh)
        if is_shared:
            draft.room = {tenant: self._room(tenant, slots) for tenant in tenants}
        return draft.picks(wanted, self._critical_run)

    def charge(self, handed: Iterable[Handed], weigh: Weigh) -> None:
        """Note jobs that were handed out, in the order of their starts."""
        in_hand, held = self._in_hand, self._held
        for seq, tenant, task, band in handed:
            cost = self._task_means.get(task) or self.cost(tenant)
            weight = weigh(tenant)
            in_hand[seq] = tenant, task, cost, weight
            held[tenant] = held.get(tenant, 0) + 1
            self._pay(tenant, self.account(tenant) + cost / weight)
            self._critical_run = self._critical_run + 1 if band == Band.CRITICAL else 0

    def settle(self, seq: int, seconds: float | None) -> bool:
        """Correct the charge for a job that has left the hand; return whether it was in it.

        `seconds` is how long it ran, None where it never did and costs nothing.
        """
        charge = self._in_hand.pop(seq, None)
        if charge is None:
            return False
        tenant, task, cost, weight = charge
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        real = 0.0 if seconds is None else max(0.0, seconds) + OVERHEAD
        self._correct(tenant, (real - cost) / weight)
        if seconds is not None:
            _learn(self._task_means, task, real)
            _learn(self._tenant_means, tenant, real)
        return True

    def cost(self, tenant: str) -> float:
        """Return what a tenant's next job is thought to take."""
        return self._tenant_means.get(tenant, GUESS)

    def _room(self, tenant: str, slots: int) -> int:
        assert self._share is not None
        allowed = max(1, int(self._share * slots))
        if tenant in self._tenant_means:
            allowed = max(allowed, int(SHORT_WORK / self.cost(tenant)))
        return max(0, allowed - self.held(tenant))

    def _correct(self, tenant: str, amount: float) -> None:
        paid = self._paid.get(tenant, self._level)
        if paid < self._level and tenant not in self._owed:
            # The level has passed by who asked for nothing: nothing is saved.
            self._pay(tenant, paid + amount, is_owed=False)
        else:
            self._pay(tenant, self.account(tenant) + amount)

    def _pay(self, tenant: str, account: float, *, is_owed: bool = True) -> None:
        self._paid[tenant] = account
        self._paid.move_to_end(tenant)
        # What was charged too much is paid back in full, or tenants whose jobs differ in length
        # would get less than others.
        if is_owed and account < self._level:
            self._owed[tenant] = self._level - account
        elif self._owed:
            self._owed.pop(tenant, None)
        if len(self._paid) > MOST_KNOWN:
            # Who is not in debt has nothing to lose.
            kept = [(name, paid) for name, paid in self._paid.items() if paid > self._level]
            self._paid = OrderedDict(kept[-MOST_KNOWN // 2 :])
            self._owed.clear()


# A lane in a heap: its tenant's account, the tenant's first place, how often the lane was picked
# and its own place. So equal tenants come as they stand, and the lanes of one tenant in turn.
type _Entry = tuple[float, int, int, int]


class _Draft:
    """A plan in the making: the accounts as they will stand after each pick."""

    def __init__(self, accounts: Accounts, lanes: Sequence[Lane], weigh: Weigh) -> None:
        self.room: dict[str, int] | None = None
        self._lanes = lanes
        self._accounts = {lane.tenant: accounts.account(lane.tenant) for lane in lanes}
        self._costs = {tenant: accounts.cost(tenant) / weigh(tenant) for tenant in self._accounts}
        self._firsts = {lane.tenant: place for place, lane in reversed([*enumerate(lanes)])}
        self._picked = [0] * len(lanes)

    def picks(self, wanted: int, critical_run: int) -> list[int]:
        """Return the places of `wanted` lanes, fewer where no tenant has room for more."""
        critical = self._heap(lambda lane: lane.band == Band.CRITICAL)
        rest = self._heap(lambda lane: lane.band != Band.CRITICAL)
        picks: list[int] = []
        while len(picks) < wanted:
            first, other = self._top(critical), self._top(rest)
            is_critical = first is not None and (
                other is None or (critical_run < ONE_IN - 1 and first <= other + LEAD)
            )
            if not is_critical and other is None:
                break
            heap = critical if is_critical else rest
            place = heap[0][-1]
            picks.append(place)
            critical_run = critical_run + 1 if is_critical else 0
            self._charge(place)
        return picks

    def _heap(self, belongs: Callable[[Lane], bool]) -> list[_Entry]:
        heap = [self._entry(place) for place, lane in enumerate(self._lanes) if belongs(lane)]
        heapify(heap)
        return heap

    def _entry(self, place: int) -> _Entry:
        tenant = self._lanes[place].tenant
        return self._accounts[tenant], self._firsts[tenant], self._picked[place], place

    def _top(self, heap: list[_Entry]) -> float | None:
        """Return the least account in a heap, once its top tells how things stand now."""
        while heap:
            place = heap[0][-1]
            if self.room is not None and self.room[self._lanes[place].tenant] <= 0:
                heappop(heap)
                continue
            entry = self._entry(place)
            if entry == heap[0]:
                return entry[0]
            heapreplace(heap, entry)
        return None

    def _charge(self, place: int) -> None:
        tenant = self._lanes[place].tenant
        self._picked[place] += 1
        self._accounts[tenant] += self._costs[tenant]
        if self.room is not None:
            self.room[tenant] -= 1


def _learn(means: OrderedDict[str, float], name: str, seconds: float) -> None:
    known = means.get(name)
    if known is not None:
        means[name] = known + (seconds - known) * LATEST
        means.move_to_end(name)
        return
    means[name] = seconds
    if len(means) > MOST_KNOWN:
        means.popitem(last=False)
