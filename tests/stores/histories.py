"""What may become of one job under verbs that meet: every order in which they may have happened.

Each verb is called once or not at all in a round, and answers. A history is legal where some
order of the calls, each between its begin and its end, gives all the answers and the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from django_taskq.jobs.states import WAITING, State


@dataclass(frozen=True)
class Job:
    """All that these verbs ask of a job. `attempt` is the latest one, `asked` a wish to cancel.

    `apart` is where a store sets a job that was lost, `sets_apart` whether it does.
    """

    state: State
    attempt: int = 0
    asked: bool = False
    apart: bool = False
    sets_apart: bool = False

    def holds(self, attempt: int) -> bool:
        """Tell whether this attempt still has the job."""
        return self.state is State.RUNNING and self.attempt == attempt


@dataclass(frozen=True)
class Call:
    """A verb as it was called, about an attempt where it is fenced, and what it answered."""

    verb: str
    begin: float
    end: float
    answer: object
    attempt: int = 0


# How a fenced verb leaves a job that nobody has asked to stop.
_ENDS = {
    "succeed": State.SUCCESSFUL,
    "fail": State.FAILED,
    "retry": State.READY,
    "postpone": State.SCHEDULED,
    "release": State.READY,
    "lose": State.READY,
}


def apply(job: Job, call: Call) -> tuple[Job, object]:
    """Return the job after a call, and what the call answers."""
    if call.verb == "cancel":
        if job.state in WAITING:
            canceled = replace(job, state=State.CANCELED, apart=False)
            return canceled, (job.state, State.CANCELED, False)
        is_running = job.state is State.RUNNING
        return replace(job, asked=job.asked or is_running), (job.state, job.state, is_running)
    if call.verb == "claim":
        # It may always pass over a job that somebody else has locked.
        if job.state is not State.READY or job.apart or call.answer is None:
            return job, None
        return replace(job, state=State.RUNNING, attempt=job.attempt + 1), job.attempt + 1
    if call.verb == "run now":
        if job.state is not State.SCHEDULED:
            return job, (job.state, job.state)
        return replace(job, state=State.READY), (job.state, State.READY)
    if call.verb == "revive":
        if job.state not in (State.FAILED, State.CANCELED):
            return job, (job.state, job.state)
        return replace(job, state=State.READY, asked=False), (job.state, State.READY)
    if not job.holds(call.attempt):
        return job, None
    state = _ENDS[call.verb]
    if job.asked and state is not State.SUCCESSFUL:
        state = State.CANCELED
    is_apart = job.sets_apart and call.verb == "lose" and state is State.READY
    return replace(job, state=state, apart=is_apart), state


def is_legal(before: Job, calls: Sequence[Call], after: Job) -> bool:
    """Tell whether some order of these calls explains what each answered and what is stored."""
    return any(_explains(before, order, after) for order in _orders(calls))


def _orders(calls: Sequence[Call]) -> Iterator[tuple[Call, ...]]:
    """Return the orders in which no call comes before one that had ended when it began."""
    for order in permutations(calls):
        latest = float("-inf")
        for call in order:
            if call.end < latest:
                break
            latest = max(latest, call.begin)
        else:
            yield order


def _explains(job: Job, order: Sequence[Call], after: Job) -> bool:
    for call in order:
        job, answer = apply(job, call)
        if answer != call.answer:
            return False
    return job == after
