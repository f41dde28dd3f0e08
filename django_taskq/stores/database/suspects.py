"""Jobs whose worker died while it ran them: they stand apart until a solo worker asks."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Q

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.reasons import SUSPECT
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.database.bounded import BoundedClaims, Choice, Draft, bounded_of
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import Taken, with_errors

# Suspects per read.
PAGE = 200


class Apart(NamedTuple):
    """A suspect, as far as it decides whether it may run."""

    rank: int
    seq: int
    queue: str
    band: int
    tenant: str
    gate: str

    @property
    def lane(self) -> Lane:
        """The lane that it stands apart from."""
        return Lane(self.queue, self.band, self.tenant)


class Suspects:
    """Finds suspects, hands them out, sets them apart once more. They are few, and rare."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._claims = BoundedClaims(place, is_parked=False, parked_for=None)

    def has_any(self) -> bool:
        """Tell whether any job stands apart as a suspect."""
        return bool(self._apart().exists())

    def claim(self, request: ClaimRequest, rules: Rules) -> list[Claim]:
        """Hand out at most `limit` suspects by rank and seq; tenants take no turns here.

        Limits and pauses hold for them as for all jobs. With `tenants` theirs come first.
        """
        if not self.has_any():
            return []
        taken: list[Taken] = []
        for served in _served(request):
            for page in self._pages(request):
                wanted = request.limit - len(taken)
                if wanted <= 0:
                    break
                allowed = [
                    apart
                    for apart in page
                    if (served is None or apart.tenant in served)
                    and not rules.is_paused(apart.queue, apart.tenant)
                ]
                taken += self._take(request, allowed, wanted, rules)
        return with_errors(self.place, [row.claim for row in taken])

    def set_apart(self, seqs: Sequence[int]) -> None:
        """Have jobs that wait, and that the caller has locked, stand apart.

        One that waits for its time stands apart from when that has come on.
        """
        jobs = self.place.jobs().filter(pk__in=seqs, state__in=(State.READY, State.SCHEDULED))
        jobs.update(is_parked=True, parked_for=SUSPECT)

    def is_solo(self, worker_id: str) -> bool:
        """Tell whether a worker runs suspects."""
        return self.place.workers().filter(pk=worker_id, is_solo=True).exists()

    def _take(
        self, request: ClaimRequest, suspects: Sequence[Apart], wanted: int, rules: Rules
    ) -> list[Taken]:
        known = {apart.seq: bounded_of(apart.lane, apart.gate, rules) for apart in suspects}

        def choose(draft: Draft) -> list[Choice]:
            budgets, held, kept, lost = draft
            passed = lost | {choice.seq for choice in kept}
            is_open = set(held)
            choices: list[Choice] = []
            for seq, bounded in known.items():
                if len(kept) + len(choices) >= wanted:
                    break
                if seq in passed or bounded not in is_open or not budgets.room(bounded.limits, 1):
                    continue
                budgets.use(bounded.limits)
                choices.append(Choice(seq, bounded))
            return choices

        wanted_of = list(dict.fromkeys(known.values()))
        # Not by `is_parked`: see `BoundedClaims.claim`.
        jobs = self.place.jobs().filter(state=State.READY, parked_for=SUSPECT)
        return self._claims.claim(request, wanted_of, jobs, choose).taken

    def _pages(self, request: ClaimRequest) -> Iterator[list[Apart]]:
        """Return the suspects of the queues asked for, in the order they should start."""
        suspects = self._apart().exclude(queue__in=request.excluded_queues)
        if request.queues is not None:
            suspects = suspects.filter(queue__in=request.queues)
        rows = suspects.order_by("rank", "seq").values_list(*Apart._fields)
        page = [Apart._make(row) for row in rows[:PAGE]]
        yield page
        while len(page) == PAGE:
            rank, seq = page[-1][:2]
            behind = rows.filter(Q(rank=rank, seq__gt=seq) | Q(rank__gt=rank))
            page = [Apart._make(row) for row in behind[:PAGE]]
            yield page

    def _apart(self) -> Any:
        return self.place.jobs().filter(is_parked=True, parked_for=SUSPECT, state=State.READY)


def _served(request: ClaimRequest) -> list[Tenants | None]:
    """Return whom a worker serves, and after these from whom it takes; None is everybody."""
    if request.tenants is None:
        return [None]
    return [request.tenants] if request.steal is None else [request.tenants, request.steal]
