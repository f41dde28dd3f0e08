"""How much runs and how much has started, and what that leaves."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django_taskq.jobs.limits import (
    NO_GATE,
    Limit,
    queue_key,
    read_gate,
    schedule_key,
    task_key,
    tenant_key,
)
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.spec import JobSpec

NEVER = datetime.max.replace(tzinfo=UTC)
MOST_KEPT = 10_000

# The counts of the running jobs, by what their keys begin with.
_KINDS = {
    task_key("")[:-1]: 0,
    tenant_key("")[:-1]: 1,
    queue_key("")[:-1]: 2,
    schedule_key(0)[:-2]: 3,
}


class Limits:
    """The counts of running jobs by key, and for each rate when its next start is due.

    Every running job counts, limited or not: its tenant may get a limit while it runs. The
    counting begins with the first limit; see `watch`.
    """

    def __init__(self) -> None:
        self.is_counting = False
        self._rules = Rules()
        self._running: tuple[dict[str, int], ...] = ({}, {}, {}, {})
        self._next_at: dict[str, datetime] = {}
        self._shut: dict[str, datetime] = {}
        self._known: dict[tuple[str, str, str], tuple[Limit, ...]] = {}

    @property
    def rules(self) -> Rules:
        """What operators say."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        self._known.clear()
        self._shut.clear()

    def of(self, queue: str, tenant: str, gate: str) -> tuple[Limit, ...]:
        """Return all that bounds the jobs of one line."""
        rules = self._rules
        if gate == NO_GATE and tenant not in rules.tenants and queue not in rules.queues:
            return ()
        line = queue, tenant, gate
        known = self._known.get(line)
        if known is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            known = self._known[line] = _binding(rules.limits_of(queue, tenant, gate))
        return known

    def shut_until(self, tenant: str, now: datetime) -> datetime | None:
        """Return until when a tenant's own row lets none of its jobs start, None where it does.

        Remembers the answer, so that thousands of such tenants are passed over quickly; NEVER
        is that of one that is paused, or has as many running as it may.
        """
        rule = self._rules.tenants.get(tenant)
        if rule is None:
            return None
        most, rate = rule.max_running, rule.rate
        if rule.is_paused or (most is not None and self._running[1].get(tenant, 0) >= most):
            return NEVER
        if rate is None:
            return None
        until = self._shut.get(tenant)
        if until is None or until <= now:
            seconds = rate.opens_in(self._next_at.get(tenant_key(tenant)), now)
            if not seconds:
                return None
            until = self._shut[tenant] = now + timedelta(seconds=seconds)
        return until

    def opens_in(self, limits: tuple[Limit, ...], now: datetime) -> float | None:
        """Return the seconds until one more may start, 0 for now, None where a job must end."""
        seconds = 0.0
        for key, most, rate in limits:
            if most is not None and self.running(key) >= most:
                return None
            if rate is not None:
                seconds = max(seconds, rate.opens_in(self._next_at.get(key), now))
        return seconds

    def spend(
        self, limits: tuple[Limit, ...], now: datetime, patience: float = 0.0
    ) -> float | None:
        """Note a start; return within how many seconds it has to come, None for no matter when."""
        ends_in: float | None = None
        for key, _, rate in limits:
            if rate is not None:
                next_at = self._next_at.get(key)
                self._next_at[key] = rate.spend(next_at, now, 1, patience)
                seconds = rate.ends_in(next_at, now, patience)
                ends_in = seconds if ends_in is None else min(ends_in, seconds)
        if len(self._next_at) > MOST_KEPT:
            # A moment that has gone by says no more than none.
            self._next_at = {key: at for key, at in self._next_at.items() if at > now}
        return ends_in

    def watch(self, running: Iterable[JobSpec]) -> None:
        """Count from now on, beginning with those that run."""
        self.is_counting = True
        for spec in running:
            self.count(spec)

    def count(self, spec: JobSpec) -> None:
        """Count a job among the running ones."""
        tasks, tenants, queues, schedules = self._running
        tasks[spec.task] = tasks.get(spec.task, 0) + 1
        tenants[spec.tenant] = tenants.get(spec.tenant, 0) + 1
        queues[spec.queue] = queues.get(spec.queue, 0) + 1
        if spec.origin is not None and spec.origin.schedule_id is not None:
            schedule = str(spec.origin.schedule_id)
            schedules[schedule] = schedules.get(schedule, 0) + 1

    def discount(self, spec: JobSpec) -> bool:
        """Count a job no more; return whether that lets another one start."""
        tasks, tenants, queues, schedules = self._running
        _take_one(tasks, spec.task)
        _take_one(tenants, spec.tenant)
        _take_one(queues, spec.queue)
        if spec.origin is not None and spec.origin.schedule_id is not None:
            # Others of its schedule may wait for its end though its own gate bounds nothing.
            _take_one(schedules, str(spec.origin.schedule_id))
            return True
        bounds = self.of(spec.queue, spec.tenant, spec.gate)
        return bool(bounds) and any(
            limit.max_running is not None and self.running(limit.key) == limit.max_running - 1
            for limit in bounds
        )

    def running(self, key: str) -> int:
        """Return how many running jobs a key counts."""
        kind, _, name = key.partition(":")
        return self._running[_KINDS[kind]].get(name, 0)


@lru_cache(1024)
def limits_of_gate(gate: str) -> tuple[Limit, ...]:
    """Return what bounds all jobs of a gate."""
    return _binding(read_gate(gate).limits)


def _binding(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Leave out what bounds nothing, as a gate of a later release may."""
    return tuple(limit for limit in limits if limit.max_running or limit.rate)


def _take_one(running: dict[str, int], name: str) -> None:
    left = running[name] - 1
    if left:
        running[name] = left
    else:
        del running[name]
