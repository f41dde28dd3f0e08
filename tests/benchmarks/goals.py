"""What our own figures have to reach: a number, or the best peer of the same run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.benchmarks.medians import Runs, kind_of, medians

Measured = Mapping[tuple[str, str], Runs]


@dataclass(frozen=True)
class Verdict:
    """One comparison, ready to be read."""

    what: str
    sign: Literal[">=", "<="]
    goal: float
    ours: float

    @property
    def reached(self) -> bool:
        return self.ours >= self.goal if self.sign == ">=" else self.ours <= self.goal


@dataclass(frozen=True)
class Goal:
    """A value of ours on one kind of database; without a number the best peer sets it.

    Where a peer is named that one sets it, and `share` is what part of its value is enough.
    """

    figure: str
    value: str
    kind: str
    sign: Literal[">=", "<="]
    number: float | None = None
    peer: str = ""
    share: float = 1.0

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare if both sides were measured."""
        runs = measured.get((self.figure, f"ours/{self.kind}"))
        goal = self.number if self.number is not None else self._best(measured)
        if runs and goal is not None:
            what = f"{self.figure}, {self.kind}, {self.value}"
            if self.number is None:
                what += f" ({self.share:g} x {self.peer})" if self.peer else " (best peer)"
            yield Verdict(what, self.sign, goal, medians(runs)[self.value])

    def _best(self, measured: Measured) -> float | None:
        peers = [
            medians(runs)[self.value]
            for (figure, name), runs in measured.items()
            if figure == self.figure
            and kind_of(name) == self.kind
            and not name.startswith("ours")
            and name.startswith(self.peer)
        ]
        best = (max if self.sign == ">=" else min)(peers, default=None)
        return None if best is None else self.share * best


@dataclass(frozen=True)
class ProcessesGoal:
    """Two processes against one."""

    figure: str
    kind: str
    number: float

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare what two processes do with what one does."""
        one = measured.get((self.figure, f"ours/{self.kind}"))
        two = measured.get((self.figure, f"ours/{self.kind} x 2"))
        if one and two:
            ratio = medians(two)["jobs_per_second"] / medians(one)["jobs_per_second"]
            yield Verdict(f"{self.figure}, {self.kind}, two to one", ">=", self.number, ratio)


@dataclass(frozen=True)
class MemoryGoal:
    """What a supervisor and a child hold beyond Django itself, and each further child."""

    kind: str

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare the memory of one and of two processes with that of Django alone."""
        one = measured.get(("memory", f"ours/{self.kind}"))
        two = measured.get(("memory", f"ours/{self.kind} x 2"))
        if one and two:
            held, django = medians(one)["pss_mb"], medians(one)["django_mb"]
            what = f"memory, {self.kind}, supervisor and a child beyond Django, MB"
            yield Verdict(what, "<=", 40, held - django)
            more = medians(two)["pss_mb"] - held
            yield Verdict(f"memory, {self.kind}, one more child, MB", "<=", 15, more)


@dataclass(frozen=True)
class HistoryGoal:
    """Finished rows may slow a worker by five percent at most."""

    kind: str
    number: float = 0.95

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare the drain beside finished rows with the drain of an empty table."""
        empty = measured.get(("history", f"ours/{self.kind}"))
        for (figure, name), runs in measured.items():
            if empty and figure == "history" and name.startswith(f"ours/{self.kind} +"):
                ratio = medians(runs)["jobs_per_second"] / medians(empty)["jobs_per_second"]
                yield Verdict(f"history, {self.kind}, ratio", ">=", self.number, ratio)


@dataclass(frozen=True)
class MiddlewareGoal:
    """The default middlewares may slow a worker by a tenth at most."""

    kind: str
    number: float = 0.9

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare the drain inside of them with that inside of none."""
        default = measured.get(("middleware", f"ours/{self.kind}"))
        none = measured.get(("middleware", f"ours/{self.kind} without"))
        if default and none:
            ratio = medians(default)["jobs_per_second"] / medians(none)["jobs_per_second"]
            yield Verdict(f"middleware, {self.kind}, ratio", ">=", self.number, ratio)


@dataclass(frozen=True)
class CrowdGoal:
    """Many tenants may slow a worker by a fifth at most."""

    kind: str
    number: float = 0.8

    def judge(self, measured: Measured) -> Iterator[Verdict]:
        """Compare the drain of ten thousand tenants with that of one."""
        many = measured.get(("crowd", f"ours/{self.kind}"))
        one = measured.get(("crowd", f"ours/{self.kind} one tenant"))
        if many and one:
            ratio = medians(many)["jobs_per_second"] / medians(one)["jobs_per_second"]
            yield Verdict(f"crowd, {self.kind}, 10,000 tenants to one", ">=", self.number, ratio)


DATABASES = ("postgresql", "sqlite")
BOUNDS: tuple[tuple[str, Literal[">=", "<="], float], ...] = (
    ("used_percent", ">=", 95),
    ("violations", "<=", 0),
)
STORES = (*DATABASES, "redis", "memory")
GOALS: tuple[Goal | HistoryGoal | MiddlewareGoal | ProcessesGoal | MemoryGoal | CrowdGoal, ...] = (
    *(Goal("drain", "jobs_per_second", kind, ">=", 10_000) for kind in DATABASES),
    *(Goal("drain", "jobs_per_second", kind, ">=") for kind in DATABASES),
    *(Goal("enqueue", "jobs_per_second", kind, ">=") for kind in DATABASES),
    *(Goal("enqueue_many", "jobs_per_second", kind, ">=", 40_000) for kind in DATABASES),
    Goal("drain", "jobs_per_second", "redis", ">=", 10_000),
    Goal("drain", "jobs_per_second", "redis", ">="),
    Goal("enqueue", "jobs_per_second", "redis", ">=", peer="huey", share=0.65),
    Goal("enqueue_many", "jobs_per_second", "redis", ">=", 100_000),
    *(Goal("cancel", "seconds", kind, "<=", 1) for kind in (*DATABASES, "redis")),
    Goal("pool", "jobs_per_second", "memory", ">="),
    Goal("pool", "jobs_per_second", "processes", ">="),
    Goal("cpu", "two_to_one", "processes", ">=", 1.9),
    *(
        Goal("latency", value, kind, "<=")
        for kind in (*DATABASES, "redis", "memory")
        for value in ("pickup_p50", "pickup_p99", "result_p50")
    ),
    *(HistoryGoal(kind) for kind in DATABASES),
    *(MiddlewareGoal(kind) for kind in DATABASES),
    Goal("layers", "added_us", "memory", "<=", 5),
    ProcessesGoal("processes, noop", "postgresql", 1.3),
    ProcessesGoal("processes, noop", "sqlite", 1.0),
    *(ProcessesGoal("processes, compute", kind, 1.9) for kind in DATABASES),
    *(MemoryGoal(kind) for kind in DATABASES),
    *(Goal("idle", "queries_per_second", kind, "<=", 2) for kind in DATABASES),
    Goal("idle", "cpu_percent", "postgresql", "<=", 1),
    Goal("idle", "cpu_percent", "sqlite", "<=", 2),
    *(Goal("drain", "pss_mb", kind, "<=", 62) for kind in DATABASES),
    Goal("wal", "bytes_per_job", "postgresql", "<=", 1536),
    *(Goal("flood", "ratio", kind, "<=", 1.25) for kind in STORES),
    *(Goal("trickle", "more_p99_ms", kind, "<=", 10) for kind in STORES),
    *(Goal("held", "p99_ms", kind, "<=", 400) for kind in STORES),
    *(Goal("weights", "off_percent", kind, "<=", 5) for kind in STORES),
    *(Goal("lengths", "jain", kind, ">=", 0.98) for kind in STORES),
    *(Goal("fifo", "ratio", kind, ">=", 0.9) for kind in DATABASES),
    *(CrowdGoal(kind) for kind in STORES),
    *(Goal("claims", "p99_ms", kind, "<=", 10) for kind in DATABASES),
    *(
        Goal(figure, value, kind, sign, number)
        for figure in ("cap", "rate")
        for kind in STORES
        for value, sign, number in BOUNDS
    ),
    *(Goal("steal", "longest_ms", kind, "<=", 100) for kind in (*DATABASES, "redis")),
)
