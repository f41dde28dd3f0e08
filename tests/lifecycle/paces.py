"""How fast a store hands out jobs and takes their ends, measured in this process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import batched
from statistics import quantiles
from time import monotonic

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.spec import JobSpec
from django_taskq.stores.base import Store
from tests.stores.jobs import success

WORKER = "host:1:pace"
AT_ONCE = 5000


@dataclass
class Pace:
    """What a stretch of work has taken: the seconds of each claim, and all jobs and seconds."""

    jobs: int = 0
    seconds: float = 0.0
    claims: list[float] = field(default_factory=list)

    @property
    def a_second(self) -> float:
        """How many jobs were claimed and finished in a second."""
        return self.jobs / self.seconds

    def percentile(self, part: int) -> float:
        """Return the milliseconds within which so many of 100 claims were answered."""
        return 1000 * quantiles(self.claims, n=100)[part - 1]

    def __str__(self) -> str:
        return (
            f"{self.a_second:.0f} jobs/s, claims: p50 {self.percentile(50):.1f} ms, "
            f"p90 {self.percentile(90):.1f} ms, p99 {self.percentile(99):.1f} ms"
        )


def insert_all(store: Store, tenants: Iterable[str], **values: object) -> None:
    """Insert a job for each name, many at a time."""
    for some in batched(tenants, AT_ONCE, strict=False):
        store.insert(
            [
                JobSpec(new_id(), "tests.lifecycle.tasks.work", tenant=tenant, **values)  # type: ignore[arg-type]
                for tenant in some
            ]
        )


def work_off(
    store: Store,
    limit: int,
    is_over: Callable[[Pace], bool],
    on_claims: Callable[[list[Claim]], object] = len,
) -> Pace:
    """Claim so many jobs at a time and finish them, until told that it is over or none is left."""
    pace = Pace()
    began = monotonic()
    while not is_over(pace):
        asked = monotonic()
        claims = store.claim(ClaimRequest(WORKER, limit, slots=4))
        pace.claims.append(monotonic() - asked)
        if not claims:
            break
        on_claims(claims)
        store.finish(WORKER, [success(claimed) for claimed in claims])
        pace.jobs += len(claims)
        pace.seconds = monotonic() - began
    return pace
