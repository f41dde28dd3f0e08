"""Why a job is not running, in one sentence."""

from collections.abc import Sequence
from datetime import datetime

from django_taskq.jobs.assignment import NO_TENANT
from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.outlook import MOST_AHEAD, MOST_UPSTREAMS, Awaited, Closed, Outlook
from django_taskq.jobs.reasons import parked_reason
from django_taskq.jobs.sighting import written
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.workers import WorkerRecord

# Where a job is a row, and what hands it out is away.
SILENT = (
    "Redis, which hands it out, does not answer: it is safe in its row, and Redis is handed it "
    "again by itself once it does."
)


def explain(outlook: Outlook, load_error: str | None = None) -> str:
    """Return why a job is not running, or that it does, or has ended.

    Of several causes the one that an operator has to remove first. `load_error` is what kept this
    process from importing the task.
    """
    record = outlook.record
    state = record.state
    if state in ENDED:
        how = f"{state} ({record.failure})" if record.failure else str(state)
        return f"It has ended as {how}{_at(record.finished_at)}."
    if state == State.RUNNING:
        return _running(outlook)
    if state == State.DEFERRED:
        return _deferred(outlook)
    if state == State.SCHEDULED:
        return _scheduled(outlook)
    if state == State.READY:
        return _ready(outlook, load_error)
    return f"It is {state}, a state of a later release that this one does not know."


def _running(outlook: Outlook) -> str:
    record = outlook.record
    holder = next((w for w in outlook.workers if w.id == record.worker_id), None)
    if holder is None or not holder.is_alive:
        return _left_behind(outlook, holder)
    claimed_at, started_at = record.claimed_at, record.last_attempted_at
    has_started = started_at is not None and (claimed_at is None or started_at >= claimed_at)
    told = (
        f"is running since {_moment(started_at)} on worker {holder.id}"
        if has_started
        else f"was taken by worker {holder.id}{_at(claimed_at)}, which has told of no start yet"
    )
    if record.cancel_asked_at is not None:
        return f"It was asked to stop at {written(record.cancel_asked_at)} and {told}."
    return f"It {told}."


def _left_behind(outlook: Outlook, holder: WorkerRecord | None) -> str:
    if not outlook.is_complete:
        return SILENT
    if holder is None:
        told = f"Its worker {outlook.record.worker_id} is not there any more"
    else:
        told = f"Its worker {holder.id} has been silent since {written(holder.beat_at)}"
    if _alive(outlook.workers):
        return f"{told}: a live worker takes the job back within seconds."
    return f"{told}, and no other is alive that could take the job back: {_start(outlook)}."


def _deferred(outlook: Outlook) -> str:
    record = outlook.record
    if record.is_blocked:
        return record.blocked_for or "It waits for a job that has failed."
    if not outlook.awaited:
        if not _alive(outlook.workers):
            return _no_worker(outlook)
        return "All that it waited for has ended: a worker decides about it within seconds."
    first, *others = outlook.awaited
    more = ""
    if len(outlook.awaited) > MOST_UPSTREAMS:
        more = f" and more than {MOST_UPSTREAMS - 1} others"
    elif others:
        more = f" and {len(others)} {'other' if len(others) == 1 else 'others'}"
    rule = ""
    if record.trigger_rule not in (None, TriggerRule.ALL_SUCCESS):
        rule = f", by its trigger rule {record.trigger_rule}"
    return f"It waits for {_awaited(first)}{more}{rule}."


def _awaited(upstream: Awaited) -> str:
    named = f"job {upstream.id}" if upstream.id else f"a job with the task_id {upstream.task_id!r}"
    if upstream.state is None:
        return f"{named}, which is not there yet"
    return f"{named} ({upstream.task}, {upstream.state})"


def _scheduled(outlook: Outlook) -> str:
    record, sighting = outlook.record, outlook.sighting
    due_at = record.due_at
    if due_at is None or due_at <= outlook.now:
        if not _alive(outlook.workers):
            return _no_worker(outlook)
        return f"It was due{_at(due_at)}: a worker makes it ready within seconds."
    until = f"{written(due_at)} (in {_span((due_at - outlook.now).total_seconds())})"
    if sighting is not None:
        return f"{_closed_off(sighting.sentence)} It is offered again at {until}."
    if record.tries:
        most = "" if record.max_tries is None else f" of {record.max_tries}"
        return f"It waits until {until} for another try, after {record.tries}{most}."
    return f"It waits until {until}."


def _ready(outlook: Outlook, load_error: str | None) -> str:
    return (
        _paused(outlook)
        or _unheard(outlook)
        or _unserved(outlook)
        or parked_reason(outlook.record.parked_for)
        or _given_back(outlook)
        or _bounded(outlook)
        or _unloadable(load_error)
        or _in_line(outlook)
    )


def _unheard(outlook: Outlook) -> str | None:
    return None if outlook.is_complete else SILENT


def _paused(outlook: Outlook) -> str | None:
    record = outlook.record
    if outlook.is_queue_paused:
        return f"Its queue {record.queue!r} is paused: resume it."
    if outlook.is_tenant_paused:
        return f"Its tenant {_tenant(record.tenant)} is paused: resume it."
    return None


def _given_back(outlook: Outlook) -> str | None:
    return None if outlook.sighting is None else _closed_off(outlook.sighting.sentence)


def _unloadable(load_error: str | None) -> str | None:
    if load_error is None:
        return None
    return (
        "This process cannot import its task, and a worker with the same code gives it back: "
        f"{_closed_off(load_error)}"
    )


def _unserved(outlook: Outlook) -> str | None:
    """Return that no worker takes such jobs, None where one does."""
    record = outlook.record
    alive = _alive(outlook.workers)
    if not alive:
        return _no_worker(outlook)
    taking = [w for w in alive if w.queues is None or record.queue in w.queues]
    workers = "1 live worker serves" if len(alive) == 1 else f"{len(alive)} live workers serve"
    if not taking:
        return f"No worker serves its queue {record.queue!r}: the {workers} others."
    if not any(_serves(worker, record.tenant) for worker in taking):
        return (
            f"No worker serves its tenant {_tenant(record.tenant)} in the queue "
            f"{record.queue!r}: the {workers} others."
        )
    return None


def _serves(worker: WorkerRecord, tenant: str) -> bool:
    """Tell whether a worker takes a tenant's jobs, or may: of many names only some are known."""
    told = worker.assignment
    if told is None or told.is_stealing_from_all or tenant in told.tenants or tenant in told.steal:
        return True
    return told.total > len(told.tenants) or told.steal_total > len(told.steal)


def _no_worker(outlook: Outlook) -> str:
    if not outlook.workers:
        return f"No worker is alive: {_start(outlook)}."
    last = max(outlook.workers, key=lambda worker: worker.beat_at)
    return (
        f"No worker is alive, {last.id} was last heard of at {written(last.beat_at)}: "
        f"{_start(outlook)}."
    )


def _start(outlook: Outlook) -> str:
    if outlook.is_local:
        return "the pool of this process is held, closed or has not started"
    return "start one by manage.py runworker"


def _alive(workers: Sequence[WorkerRecord]) -> list[WorkerRecord]:
    """Return the live workers; one that runs a single suspect takes nothing else."""
    return [worker for worker in workers if worker.is_alive and not worker.is_solo]


def _bounded(outlook: Outlook) -> str | None:
    """Tell of the limit that opens last: the others are open by then."""
    if not outlook.closed:
        return None
    last = max(outlook.closed, key=_opens_in)
    who = _bound_of(outlook, last.limit.key)
    if last.opens_in is None:
        return (
            f"{who} has as many jobs running as it may (max_running {last.limit.max_running}): "
            "this one starts when one of them has ended."
        )
    return (
        f"{who} has started as many jobs as it may (max_rate {last.limit.rate}): the next one may "
        f"start in {_span(last.opens_in)}."
    )


def _opens_in(closed: Closed) -> float:
    return float("inf") if closed.opens_in is None else closed.opens_in


def _bound_of(outlook: Outlook, key: str) -> str:
    kind, _, name = key.partition(":")
    return {
        "task": f"Its task {name}",
        "tenant": f"Its tenant {_tenant(name)}",
        "queue": f"Its queue {name!r}",
        "schedule_id": "The schedule that made it",
    }.get(kind, f"The limit {key}")


def _in_line(outlook: Outlook) -> str:
    whose = f"its tenant {_tenant(outlook.record.tenant)}" if outlook.record.tenant else "its queue"
    turns = ""
    if outlook.beside is not None and outlook.beside > (outlook.ahead or 0) + 1:
        turns = (
            f"; {_counted(outlook.beside)} jobs are ready in the queue, and tenants and tasks with "
            "limits take turns"
        )
    if outlook.ahead:
        jobs = "1 job" if outlook.ahead == 1 else f"{_counted(outlook.ahead)} jobs"
        return f"It is ready, behind {jobs} of {whose}{turns}."
    return f"It is ready and the next of {whose}: it starts when a worker has a slot free{turns}."


def _counted(count: int) -> str:
    return f"more than {MOST_AHEAD}" if count > MOST_AHEAD else f"about {count}"


def _tenant(name: str) -> str:
    return repr(name) if name else NO_TENANT


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f" at {written(moment)}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else written(moment)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _closed_off(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."
