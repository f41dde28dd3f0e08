"""What bounds how many jobs start: of one task, one tenant, one queue, over all workers."""

from typing import NamedTuple

from django_taskq.jobs.rate import Rate, check_rate, read_rate

MOST_RUNNING = 1_000_000


class Limit(NamedTuple):
    """One bound. The key says whom it is about; limits of one key are counted together."""

    key: str
    max_running: int | None = None
    rate: Rate | None = None


class Gate(NamedTuple):
    """The limits of its own that a task's job carries.

    Jobs with a gate stand in lanes of their own, so that many of them that may not start now
    cost a claim nothing. A job keeps the gate with which it was enqueued; all gates of a task
    count the same running jobs and starts.
    """

    task: str
    max_running: int | None = None
    rate: Rate | None = None

    @property
    def limit(self) -> Limit:
        """The bound on the task's jobs."""
        return Limit(task_key(self.task), self.max_running, self.rate)

    def __str__(self) -> str:
        parts = [self.task]
        if self.max_running is not None:
            parts.append(f"max_running={self.max_running}")
        if self.rate is not None:
            parts.append(f"max_rate={self.rate}")
        return " ".join(parts)


# The gate of a job whose task has no limits.
NO_GATE = ""


def gate_of(task: str, max_running: int | None, max_rate: str | None) -> str:
    """Return the gate of a task's jobs as text, NO_GATE where nothing bounds them."""
    if max_running is None and max_rate is None:
        return NO_GATE
    return str(Gate(task, max_running, None if max_rate is None else read_rate(max_rate)))


def read_gate(text: str) -> Gate:
    """Read what `gate_of` returned; what is not understood bounds nothing.

    That may be parts, or values, which a later release writes.
    """
    task, *parts = text.split(" ")
    values = dict(part.partition("=")[::2] for part in parts)
    running, rate = values.get("max_running", ""), values.get("max_rate", "")
    return Gate(
        task,
        int(running) if running.isdecimal() else None,
        read_rate(rate) if check_rate(rate) is None else None,
    )


def words_of(gate: str) -> str | None:
    """Return in words what bounds the jobs of a gate; what cannot be read stays as it is."""
    if gate == NO_GATE:
        return None
    try:
        read = read_gate(gate)
    except ValueError:
        return gate
    caps = (("max_running", read.max_running), ("max_rate", read.rate))
    return ", ".join(f"{name} {cap}" for name, cap in caps if cap is not None) or gate


def task_key(task: str) -> str:
    """Return the key of a task's limits."""
    return f"task:{task}"


def tenant_key(tenant: str) -> str:
    """Return the key of a tenant's limits."""
    return f"tenant:{tenant}"


def queue_key(queue: str) -> str:
    """Return the key of a queue's limits."""
    return f"queue:{queue}"


def check_max_running(value: object) -> str | None:
    """Return what is wrong with a cap, or None where it can be used."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and 1 <= value <= MOST_RUNNING:  # type: ignore[operator]
        return None
    return f"expected a whole number from 1 to {MOST_RUNNING}, got {value!r}"
