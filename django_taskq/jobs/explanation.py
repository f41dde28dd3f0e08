"""Why a job is not running, in one sentence of the language of who asks."""

from collections.abc import Sequence

from django.utils.translation import gettext, gettext_lazy, ngettext

from django_taskq.jobs.durations import localised
from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.outlook import MOST_AHEAD, MOST_UPSTREAMS, Awaited, Closed, Outlook
from django_taskq.jobs.reasons import parked_reason
from django_taskq.jobs.sighting import written
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.workers import WorkerRecord

# Where a job is a row, and what hands it out is away.
SILENT = gettext_lazy(
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
        return _ended(outlook)
    if state == State.RUNNING:
        return _running(outlook)
    if state == State.DEFERRED:
        return _deferred(outlook)
    if state == State.SCHEDULED:
        return _scheduled(outlook)
    if state == State.READY:
        return _ready(outlook, load_error)
    told = gettext("It is %(state)s, a state of a later release that this one does not know.")
    return told % {"state": state}


def _ended(outlook: Outlook) -> str:
    record = outlook.record
    how = f"{record.state} ({record.failure})" if record.failure else str(record.state)
    if record.finished_at is None:
        return gettext("It has ended as %(how)s.") % {"how": how}
    told = gettext("It has ended as %(how)s at %(moment)s.")
    return told % {"how": how, "moment": written(record.finished_at)}


def _running(outlook: Outlook) -> str:
    record = outlook.record
    holder = next((w for w in outlook.workers if w.id == record.worker_id), None)
    if holder is None or not holder.is_alive:
        return _left_behind(outlook, holder)
    claimed_at, started_at = record.claimed_at, record.last_attempted_at
    asked_at, values = record.cancel_asked_at, {"worker": holder.id}
    if asked_at is not None:
        values["asked"] = written(asked_at)
    if started_at is not None and (claimed_at is None or started_at >= claimed_at):
        values["moment"] = written(started_at)
        told = gettext("It is running since %(moment)s on worker %(worker)s.")
        if asked_at is not None:
            told = gettext(
                "It was asked to stop at %(asked)s and is running since %(moment)s on worker "
                "%(worker)s."
            )
        return told % values
    if claimed_at is not None:
        values["moment"] = written(claimed_at)
    return _taken(is_known=claimed_at is not None, is_asked=asked_at is not None) % values


def _taken(*, is_known: bool, is_asked: bool) -> str:
    """Return what is said of a job that has not started yet, with places for the names."""
    if is_asked and is_known:
        return gettext(
            "It was asked to stop at %(asked)s and was taken by worker %(worker)s at %(moment)s, "
            "which has told of no start yet."
        )
    if is_asked:
        return gettext(
            "It was asked to stop at %(asked)s and was taken by worker %(worker)s, which has told "
            "of no start yet."
        )
    if is_known:
        return gettext(
            "It was taken by worker %(worker)s at %(moment)s, which has told of no start yet."
        )
    return gettext("It was taken by worker %(worker)s, which has told of no start yet.")


def _left_behind(outlook: Outlook, holder: WorkerRecord | None) -> str:
    if not outlook.is_complete:
        return str(SILENT)
    if _alive(outlook.workers):
        told = (
            gettext(
                "Its worker %(worker)s is not there any more: a live worker takes the job back "
                "within seconds."
            )
            if holder is None
            else gettext(
                "Its worker %(worker)s has been silent since %(moment)s: a live worker takes the "
                "job back within seconds."
            )
        )
    else:
        told = (
            gettext(
                "Its worker %(worker)s is not there any more, and no other is alive that could "
                "take the job back: %(way)s."
            )
            if holder is None
            else gettext(
                "Its worker %(worker)s has been silent since %(moment)s, and no other is alive "
                "that could take the job back: %(way)s."
            )
        )
    return told % {
        "worker": outlook.record.worker_id if holder is None else holder.id,
        "moment": "" if holder is None else written(holder.beat_at),
        "way": _start(outlook),
    }


def _deferred(outlook: Outlook) -> str:
    record = outlook.record
    if record.is_blocked:
        return record.blocked_for or gettext("It waits for a job that has failed.")
    if not outlook.awaited:
        if not _alive(outlook.workers):
            return _no_worker(outlook)
        return gettext(
            "All that it waited for has ended: a worker decides about it within seconds."
        )
    rule = record.trigger_rule
    if rule in (None, TriggerRule.ALL_SUCCESS):
        return gettext("It waits for %(jobs)s.") % {"jobs": _all_awaited(outlook.awaited)}
    told = gettext("It waits for %(jobs)s, by its trigger rule %(rule)s.")
    return told % {"jobs": _all_awaited(outlook.awaited), "rule": rule}


def _all_awaited(awaited: Sequence[Awaited]) -> str:
    first, *others = awaited
    if len(awaited) > MOST_UPSTREAMS:
        told = gettext("%(job)s and more than %(count)d others")
        return told % {"job": _awaited(first), "count": MOST_UPSTREAMS - 1}
    if not others:
        return _awaited(first)
    told = ngettext(
        "%(job)s and %(count)d other", "%(job)s and %(count)d others", len(others)
    )  # fmt: skip
    return told % {"job": _awaited(first), "count": len(others)}


def _awaited(upstream: Awaited) -> str:
    if upstream.state is None:
        told = (
            gettext("job %(id)s, which is not there yet")
            if upstream.id
            else gettext("a job with the task_id %(task_id)r, which is not there yet")
        )
    else:
        told = (
            gettext("job %(id)s (%(task)s, %(state)s)")
            if upstream.id
            else gettext("a job with the task_id %(task_id)r (%(task)s, %(state)s)")
        )
    return told % upstream._asdict()


def _scheduled(outlook: Outlook) -> str:
    record, sighting = outlook.record, outlook.sighting
    due_at = record.due_at
    if due_at is None or due_at <= outlook.now:
        if not _alive(outlook.workers):
            return _no_worker(outlook)
        if due_at is None:
            return gettext("It was due: a worker makes it ready within seconds.")
        told = gettext("It was due at %(moment)s: a worker makes it ready within seconds.")
        return told % {"moment": written(due_at)}
    span = _span((due_at - outlook.now).total_seconds())
    values: dict[str, object] = {"moment": written(due_at), "span": span}
    if sighting is not None:
        told = gettext("%(why)s It is offered again at %(moment)s (in %(span)s).")
        return told % {**values, "why": _closed_off(sighting.told)}
    if not record.tries:
        return gettext("It waits until %(moment)s (in %(span)s).") % values
    values |= {"tries": record.tries, "most": record.max_tries}
    if record.max_tries is None:
        told = gettext("It waits until %(moment)s (in %(span)s) for another try, after %(tries)d.")
    else:
        told = gettext(
            "It waits until %(moment)s (in %(span)s) for another try, after %(tries)d of %(most)d."
        )
    return told % values


def _ready(outlook: Outlook, load_error: str | None) -> str:
    return (
        _paused(outlook)
        or _unheard(outlook)
        or _unserved(outlook)
        or _parked(outlook.record.parked_for)
        or _given_back(outlook)
        or _bounded(outlook)
        or _unloadable(load_error)
        or _in_line(outlook)
    )


def _parked(parked_for: str | None) -> str | None:
    reason = parked_reason(parked_for)
    return reason and gettext(reason)


def _unheard(outlook: Outlook) -> str | None:
    return None if outlook.is_complete else str(SILENT)


def _paused(outlook: Outlook) -> str | None:
    record = outlook.record
    if outlook.is_queue_paused:
        return gettext("Its queue %(queue)r is paused: resume it.") % {"queue": record.queue}
    if outlook.is_tenant_paused:
        told = gettext("Its tenant %(tenant)s is paused: resume it.")
        return told % {"tenant": _tenant(record.tenant)}
    return None


def _given_back(outlook: Outlook) -> str | None:
    return None if outlook.sighting is None else _closed_off(outlook.sighting.told)


def _unloadable(load_error: str | None) -> str | None:
    if load_error is None:
        return None
    told = gettext(
        "This process cannot import its task, and a worker with the same code gives it back: "
        "%(error)s"
    )
    return told % {"error": _closed_off(load_error)}


def _unserved(outlook: Outlook) -> str | None:
    """Return that no worker takes such jobs, None where one does."""
    record = outlook.record
    alive = _alive(outlook.workers)
    if not alive:
        return _no_worker(outlook)
    taking = [w for w in alive if w.queues is None or record.queue in w.queues]
    values = {
        "queue": record.queue, "tenant": _tenant(record.tenant), "count": len(alive),
    }  # fmt: skip
    if not taking:
        told = ngettext(
            "No worker serves its queue %(queue)r: the %(count)d live worker serves others.",
            "No worker serves its queue %(queue)r: the %(count)d live workers serve others.",
            len(alive),
        )
        return told % values
    if not any(_serves(worker, record.tenant) for worker in taking):
        told = ngettext(
            "No worker serves its tenant %(tenant)s in the queue %(queue)r: the %(count)d live "
            "worker serves others.",
            "No worker serves its tenant %(tenant)s in the queue %(queue)r: the %(count)d live "
            "workers serve others.",
            len(alive),
        )
        return told % values
    return None


def _serves(worker: WorkerRecord, tenant: str) -> bool:
    """Tell whether a worker takes a tenant's jobs, or may: of many names only some are known."""
    told = worker.assignment
    if told is None or told.is_stealing_from_all or tenant in told.tenants or tenant in told.steal:
        return True
    return told.total > len(told.tenants) or told.steal_total > len(told.steal)


def _no_worker(outlook: Outlook) -> str:
    if not outlook.workers:
        return gettext("No worker is alive: %(way)s.") % {"way": _start(outlook)}
    last = max(outlook.workers, key=lambda worker: worker.beat_at)
    told = gettext("No worker is alive, %(worker)s was last heard of at %(moment)s: %(way)s.")
    return told % {
        "worker": last.id, "moment": written(last.beat_at), "way": _start(outlook),
    }  # fmt: skip


def _start(outlook: Outlook) -> str:
    if outlook.is_local:
        return gettext("the pool of this process is held, closed or has not started")
    return gettext("start one by manage.py runworker")


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
        told = gettext(
            "%(who)s has as many jobs running as it may (max_running %(most)s): this one starts "
            "when one of them has ended."
        )
        return told % {"who": who, "most": last.limit.max_running}
    told = gettext(
        "%(who)s has started as many jobs as it may (max_rate %(rate)s): the next one may start in "
        "%(span)s."
    )
    return told % {"who": who, "rate": last.limit.rate, "span": _span(last.opens_in)}


def _opens_in(closed: Closed) -> float:
    return float("inf") if closed.opens_in is None else closed.opens_in


def _bound_of(outlook: Outlook, key: str) -> str:
    kind, _, name = key.partition(":")
    if kind == "task":
        return gettext("Its task %(task)s") % {"task": name}
    if kind == "tenant":
        return gettext("Its tenant %(tenant)s") % {"tenant": _tenant(name)}
    if kind == "queue":
        return gettext("Its queue %(queue)r") % {"queue": name}
    if kind == "schedule_id":
        return gettext("The schedule that made it")
    return gettext("The limit %(limit)s") % {"limit": key}


def _in_line(outlook: Outlook) -> str:
    clause = _place(outlook)
    if outlook.beside is None or outlook.beside <= (outlook.ahead or 0) + 1:
        return f"{clause}."
    told = gettext(
        "%(clause)s; %(jobs)s are ready in the queue, and tenants and tasks with limits take turns."
    )
    return told % {"clause": clause, "jobs": _counted(outlook.beside)}


def _place(outlook: Outlook) -> str:
    """Return the clause about a job's place in its lane."""
    tenant = outlook.record.tenant
    if outlook.ahead:
        told = (
            gettext("It is ready, behind %(jobs)s of its tenant %(tenant)s")
            if tenant
            else gettext("It is ready, behind %(jobs)s of its queue")
        )
        jobs = gettext("1 job") if outlook.ahead == 1 else _counted(outlook.ahead)
        return told % {"jobs": jobs, "tenant": _tenant(tenant)}
    told = (
        gettext(
            "It is ready and the next of its tenant %(tenant)s: it starts when a worker has a slot "
            "free"
        )
        if tenant
        else gettext(
            "It is ready and the next of its queue: it starts when a worker has a slot free"
        )
    )
    return told % {"tenant": _tenant(tenant)}


def _counted(count: int) -> str:
    if count > MOST_AHEAD:
        return gettext("more than %(count)d jobs") % {"count": MOST_AHEAD}
    return ngettext("about %(count)d job", "about %(count)d jobs", count) % {"count": count}


def _tenant(name: str) -> str:
    return repr(name) if name else gettext("(none)")


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{localised(f'{seconds:.1f}')} s" if seconds < 10 else f"{seconds:.0f} s"


def _closed_off(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."
