"""What the end of jobs does to those that wait for them, and to those further down."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import NamedTuple

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.trigger import Decision, Standing, decide

# How an upstream goes on to count once it has been deleted.
_LASTING = (Standing.SUCCESSFUL, Standing.SKIPPED)


class Edge:
    """One job waits for another one; `counted` is how that one counts in the job's score."""

    __slots__ = ("counted", "downstream", "id", "upstream")

    def __init__(self, id: int, downstream: int, upstream: int, counted: Standing | None) -> None:
        self.id = id
        self.downstream = downstream
        self.upstream = upstream
        self.counted = counted


class Waiting:
    """A DEFERRED job and the score of its upstreams, from which its rule is decided at once."""

    __slots__ = ("failed", "is_blocked", "rule", "seq", "skipped", "successful", "total")

    def __init__(
        self,
        seq: int,
        rule: TriggerRule,
        total: int,
        successful: int = 0,
        failed: int = 0,
        skipped: int = 0,
        *,
        is_blocked: bool = False,
    ) -> None:
        self.seq = seq
        self.rule = rule
        self.total = total
        self.successful = successful
        self.failed = failed
        self.skipped = skipped
        self.is_blocked = is_blocked

    @property
    def decision(self) -> Decision:
        """What the score means for the job."""
        return decide(self.rule, self.total, self.successful, self.failed, self.skipped)

    def count(self, standing: Standing | None, by: int) -> None:
        """Count an upstream in its column, or out of it."""
        match standing:
            case None:
                return
            case Standing.SUCCESSFUL:
                self.successful += by
            case Standing.SKIPPED:
                self.skipped += by
            case _:
                self.failed += by


# Of two upstreams that ended together the one is named that the other could not make up for.
_WEIGHTS = {
    Standing.SUCCESSFUL: 1,
    Standing.SKIPPED: 2,
    Standing.FAILED: 3,
    Standing.BLOCKED: 3,
    Standing.CANCELED: 4,
    Standing.GONE: 4,
}


class Cause(NamedTuple):
    """The upstream that decided it, and how it stands; None where no upstream did."""

    upstream: int | None = None
    standing: Standing | None = None

    def weight(self, rule: TriggerRule) -> int:
        """Return how much this decides under a rule; what succeeded, where all had to fail."""
        if self.standing is None:
            return 0
        weight = _WEIGHTS[self.standing]
        return 5 - weight if rule is TriggerRule.ALL_FAILED else weight

    @property
    def is_final(self) -> bool:
        """Whether nobody is expected to resume what waits for it."""
        return self.standing in (Standing.CANCELED, Standing.GONE)


class Move(NamedTuple):
    """What becomes of a waiting job. With `is_canceled` it ends, since what failed is final."""

    decision: Decision
    cause: Cause
    is_canceled: bool = False


class Ripple(NamedTuple):
    """The moves by seq, the edges that count anew, the jobs whose score changed.

    `standings` are those of moved jobs that changed, for whoever waits for them elsewhere.
    """

    moves: dict[int, Move]
    edges: list[Edge]
    touched: dict[int, Waiting]
    standings: dict[int, Standing | None]


def spread(
    waiting: MutableMapping[int, Waiting],
    edges: Mapping[int, Iterable[Edge]],
    standings: Mapping[int, Standing | None],
    also: Iterable[int] = (),
) -> Ripple:
    """Count how upstreams stand now, and decide about all that wait for them, down to the last.

    `edges` are looked up by upstream. Who waits no more leaves `waiting`. Jobs in `also` are
    decided about even where nothing has changed for them.
    """
    ripple = Ripple({}, [], {}, {})
    causes = {seq: Cause() for seq in also if seq in waiting}
    news = standings
    while news or causes:
        for upstream, standing in news.items():
            _count(waiting, edges.get(upstream, ()), Cause(upstream, standing), causes, ripple)
        news = {}
        for seq, cause in causes.items():
            if _decide(waiting, seq, cause, ripple):
                news[seq] = ripple.standings[seq]
        causes = {}
    return ripple


def _count(
    waiting: Mapping[int, Waiting],
    edges: Iterable[Edge],
    cause: Cause,
    causes: dict[int, Cause],
    ripple: Ripple,
) -> None:
    for edge in edges:
        job = waiting.get(edge.downstream)
        if job is None or edge.counted == cause.standing:
            continue
        if cause.standing is Standing.GONE and edge.counted in _LASTING:
            continue
        job.count(edge.counted, -1)
        job.count(cause.standing, 1)
        edge.counted = cause.standing
        ripple.edges.append(edge)
        ripple.touched[job.seq] = job
        known = causes.get(job.seq)
        if known is None or cause.weight(job.rule) >= known.weight(job.rule):
            causes[job.seq] = cause


def _decide(waiting: MutableMapping[int, Waiting], seq: int, cause: Cause, ripple: Ripple) -> bool:
    """Note what becomes of a job; tell whether it counts otherwise from now on."""
    job = waiting[seq]
    decision, was_blocked = job.decision, job.is_blocked
    standing: Standing | None = None
    is_canceled = decision is Decision.BLOCK and cause.is_final
    if decision is Decision.BLOCK:
        standing = Standing.CANCELED if is_canceled else Standing.BLOCKED
    elif decision is Decision.SKIP:
        standing = Standing.SKIPPED
    job.is_blocked = standing is Standing.BLOCKED
    if decision in (Decision.RUN, Decision.SKIP) or is_canceled:
        del waiting[seq]
    elif job.is_blocked == was_blocked:
        return False
    ripple.moves[seq] = Move(decision, cause, is_canceled)
    if standing is (Standing.BLOCKED if was_blocked else None):
        return False
    ripple.standings[seq] = standing
    return True
