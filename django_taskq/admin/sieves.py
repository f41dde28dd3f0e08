"""What a wanted job has to be like, each part as a condition of its own on the rows."""

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from django_taskq.admin import wanted as names
from django_taskq.admin.wanted import Wanted
from django_taskq.jobs.states import ENDED, State
from django_taskq.models import Attempt

_PLAIN = {
    names.QUEUE: "queue", names.TENANT: "tenant", names.TASK: "task", names.WORKER: "worker_id",
    names.SCHEDULE: "schedule_id", names.RUN: "run_id", names.ABOUT: "about",
    names.FAILURE: "failure",
}  # fmt: skip


def sieves_of(wanted: Wanted) -> dict[str, Q]:
    """Return a condition for each filter that is chosen, by the name of the filter."""
    found: dict[str, Q] = {}
    if wanted.state is not None:
        found[names.STATE] = of_state(wanted)
    elif wanted.is_alias_named:
        found["backend"] = Q(backend=wanted.alias)
    for name, column in _PLAIN.items():
        value = getattr(wanted, name)
        if value is not None:
            found[name] = Q(**{column: value})
    if wanted.error is not None:
        found[names.ERROR] = _of_error(wanted.error)
    if wanted.since is not None or wanted.until is not None:
        found[names.TIME] = of_time(wanted)
    if wanted.term is not None:
        found[names.TERM] = _of_term(wanted)
    return found


def of_state(wanted: Wanted) -> Q:
    """Return the condition for one state of one alias; ready jobs stand in lanes or apart."""
    condition = Q(backend=wanted.alias, state=wanted.state)
    return condition & Q(is_parked=wanted.is_apart) if wanted.state is State.READY else condition


def of_time(wanted: Wanted) -> Q:
    """Return the condition for the time that goes with a state.

    Ended jobs go by their end, scheduled ones by when they are due, others by when their ids were
    made: when they were enqueued, for the items of a mapped step when the run was.
    """
    column, since, until = "public_id", _first_id(wanted.since), _last_id(wanted.until)
    if wanted.state in ENDED:
        return _between("finished_at", wanted.since, wanted.until)
    if wanted.state is State.SCHEDULED:
        return _between("due_at", wanted.since, wanted.until)
    return _between(column, since, until)


def _between(column: str, since: object, until: object) -> Q:
    condition = Q()
    if since is not None:
        condition &= Q(**{f"{column}__gte": since})
    if until is not None:
        condition &= Q(**{f"{column}__lte": until})
    return condition


def _of_error(error: str) -> Q:
    """Return the condition for the class of the last error, with or without its module."""
    last = Attempt._default_manager.filter(job_id=OuterRef("pk"), attempt=OuterRef("attempt"))
    named = Q(exception_class=error) | Q(exception_class__endswith=f".{error}")
    return Q(Exists(last.filter(named))) | Q(failure=error)


def _of_term(wanted: Wanted) -> Q:
    term = wanted.term or ""
    if wanted.id is not None:
        return Q(public_id=wanted.id)
    is_task = Q(task=term) | Q(task__endswith=f".{term}")
    return is_task | Q(tenant=term) | Q(task_id=term)


def _first_id(moment: datetime | None) -> UUID | None:
    """Return the least id that may have been made at a moment."""
    return None if moment is None else UUID(int=_millis(moment) << 80)


def _last_id(moment: datetime | None) -> UUID | None:
    return None if moment is None else UUID(int=((_millis(moment) + 1) << 80) - 1)


def _millis(moment: datetime) -> int:
    aware = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    return max(0, int(aware.astimezone(UTC).timestamp() * 1000))
