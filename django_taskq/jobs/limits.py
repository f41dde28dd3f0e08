"""What bounds how many jobs start: of one task, one tenant, one queue, over all workers."""

from typing import NamedTuple

from django_taskq.jobs.rate import Rate, check_rate, read_rate

MOST_RUNNING = 1_000_000
# The column has room for no more.
LONGEST_GATE = 300


class Limit(NamedTuple):
    """One bound. The key says whom it is about; limits of one key are counted together."""

    key: str
    max_running: int | None = None
    rate: Rate | None = None


class Gate(NamedTuple):
    """The limits of its own that a task's job carries.

    Jobs with a gate stand in lanes of their own, so that many of them that may not start now
    cost a claim nothing. A job keeps the gate with which it was enqueued; all gates of a task
    count the same running jobs and starts, and so do all of a schedule.
    """

    task: str
    max_running: int | None = None
    rate: Rate | None = None
    schedule: int | None = None
    most_of_schedule: int | None = None

    @property
    def limit(self) -> Limit:
        """The bound on the task's jobs."""
        return Limit(task_key(self.task), self.max_running, self.rate)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The bounds on the task's jobs, and on those of the schedule that made the job."""
        if self.schedule is None:
            return (self.limit,)
        bound = Limit(schedule_key(self.schedule), self.most_of_schedule)
        if self.max_running is None and self.rate is None:
            return (bound,)
        return (self.limit, bound)

    def __str__(self) -> str:
        parts = [self.task]
        if self.max_running is not None:
            parts.append(f"max_running={self.max_running}")
        if self.rate is not None:
            parts.append(f"max_rate={self.rate}")
        if self.schedule is not None:
            parts.append(f"schedule={self.schedule}:{self.most_of_schedule}")
        return " ".join(parts)


# The gate of a job whose task has no limits.
NO_GATE = ""


def gate_of(task: str, max_running: int | None, max_rate: str | None) -> str:
    """Return the gate of a task's jobs as text, NO_GATE where nothing bounds them."""
    if max_running is None and max_rate is None:
        return NO_GATE
    return str(Gate(task, max_running, None if max_rate is None else read_rate(max_rate)))


def gate_within(gate: str, task: str, schedule: int, max_running: int) -> str:
    """Return a gate that lets so many jobs of a schedule run at once beside what it bounds.

    Raise ValueError where it grows too long to be stored.
    """
    read = Gate(task) if gate == NO_GATE else read_gate(gate)
    made = str(read._replace(schedule=schedule, most_of_schedule=max_running))
    if len(made) > LONGEST_GATE:
        raise ValueError(
            f"The limits of the task take {len(made)} characters with its path, expected at most "
            f"{LONGEST_GATE}. Give the task a shorter path."
        )
    return made


def read_gate(text: str) -> Gate:
    """Read what `gate_of` returned; what is not understood bounds nothing.

    That may be parts, or values, which a later release writes.
    """
    task, *parts = text.split(" ")
    values = dict(part.partition("=")[::2] for part in parts)
    running, rate = values.get("max_running", ""), values.get("max_rate", "")
    schedule, _, most = values.get("schedule", "").partition(":")
    is_of_schedule = schedule.isdecimal() and most.isdecimal()
    return Gate(
        task,
        int(running) if running.isdecimal() else None,
        read_rate(rate) if check_rate(rate) is None else None,
        int(schedule) if is_of_schedule else None,
        int(most) if is_of_schedule else None,
    )


def words_of(gate: str) -> str | None:
    """Return in words what bounds the jobs of a gate; what cannot be read stays as it is."""
    if gate == NO_GATE:
        return None
    try:
        read = read_gate(gate)
    except ValueError:
        return gate
    caps = (
        ("max_running", read.max_running),
        ("max_rate", read.rate),
        ("max_running of its schedule", read.most_of_schedule),
    )
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


def schedule_key(schedule: int) -> str:
    """Return the key of the limits of a schedule's jobs."""
    return f"schedule_id:{schedule}"


def check_max_running(value: object) -> str | None:
    """Return what is wrong with a cap, or None where it can be used."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and 1 <= value <= MOST_RUNNING:  # type: ignore[operator]
        return None
    return f"expected a whole number from 1 to {MOST_RUNNING}, got {value!r}"
