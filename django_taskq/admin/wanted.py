"""Which jobs the reader of a list has asked for, read from its address."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from django_taskq.admin import places
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.states import Failure, State

STATE, QUEUE, TENANT, TASK, WORKER = "state", "queue", "tenant", "task", "worker"
SCHEDULE, RUN, ABOUT, FAILURE, ERROR = "schedule", "run", "about", "failure", "error"
APART, TIME, FROM, TO, TERM = "apart", "time", "from", "to", "q"
PARAMETERS = frozenset({
    places.DATABASE_PARAMETER, places.BACKEND_PARAMETER, STATE, QUEUE, TENANT, TASK, WORKER,
    SCHEDULE, RUN, ABOUT, FAILURE, ERROR, APART, TIME, FROM, TO,
})  # fmt: skip
LONGEST = 300

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; None leaves a field open.

    `alias` is the one that a list of one state is about, `is_alias_named` that the reader chose
    it. `since` and `until` bound the time that goes with the state. `problems` are sentences about
    what could not be read; nothing is shown then.
    """

    alias: str | None = None
    is_alias_named: bool = False
    state: State | None = None
    is_apart: bool = False
    queue: str | None = None
    tenant: str | None = None
    task: str | None = None
    worker: str | None = None
    schedule: int | None = None
    run: UUID | None = None
    about: str | None = None
    failure: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    term: str | None = None
    problems: tuple[str, ...] = ()

    @property
    def id(self) -> UUID | None:
        """The id that is searched for."""
        id = parse_id(self.term)
        return None if id is None else UUID(id)


def wanted_in(request: HttpRequest) -> Wanted:
    """Read the address of a list."""
    query, problems = request.GET, list[str]()
    state = _choice(query, STATE, State.__members__, problems)
    since, until = _time(query, state, problems)
    read: dict[str, Any] = {
        name: _text(query, name, problems) for name in (QUEUE, TENANT, TASK, WORKER, ABOUT, ERROR)
    }
    return Wanted(
        alias=places.chosen_alias(request),
        is_alias_named=places.BACKEND_PARAMETER in query,
        state=None if state is None else State(state),
        is_apart=state == State.READY and query.get(APART) == "yes",
        schedule=_number(query, problems),
        run=_run(query, problems),
        failure=_choice(query, FAILURE, set(map(str, Failure)), problems),
        since=since,
        until=until,
        term=_text(query, TERM, problems),
        problems=tuple(problems),
        **read,
    )


def _choice(query: QueryDict, name: str, known: Container[str], problems: list[str]) -> str | None:
    given = query.get(name) or None
    if given is None or given in known:
        return given
    problems.append(
        _("%(name)s: there is no %(given)r.") % {"name": name, "given": given[:LONGEST]}
    )
    return None


def _text(query: QueryDict, name: str, problems: list[str]) -> str | None:
    """Return a name that a column may have; no column has a NUL or is that long."""
    given = (query.get(name) or "").strip()
    if "\x00" in given or len(given) > LONGEST:
        told = _("%(name)s: expected a name of at most %(most)d characters without NUL.")
        problems.append(told % {"name": name, "most": LONGEST})
        return None
    return given or None


def _number(query: QueryDict, problems: list[str]) -> int | None:
    given = _text(query, SCHEDULE, problems)
    if given is None:
        return None
    if given.isdecimal() and int(given) < 2**63:
        return int(given)
    told = _("schedule: expected the number of a schedule, got %(given)r.")
    problems.append(told % {"given": given})
    return None


def _run(query: QueryDict, problems: list[str]) -> UUID | None:
    given = _text(query, RUN, problems)
    id = parse_id(given)
    if given is not None and id is None:
        told = _("pipeline run: expected the id of a run (a UUID), got %(given)r.")
        problems.append(told % {"given": given})
    return None if id is None else UUID(id)


def _time(
    query: QueryDict, state: str | None, problems: list[str]
) -> tuple[datetime | None, datetime | None]:
    span = _choice(query, TIME, SPANS, problems)
    if span is not None:
        now = timezone.now()
        # What is scheduled is due in the time to come.
        is_ahead = state == State.SCHEDULED
        return (None, now + SPANS[span]) if is_ahead else (now - SPANS[span], None)
    since, until = _moment(query, FROM, problems), _moment(query, TO, problems)
    if since is not None and until is not None and since > until:
        problems.append(_("time: expected the first day to be no later than the last."))
    return since, until


def _moment(query: QueryDict, name: str, problems: list[str]) -> datetime | None:
    """Return the begin of the first day, the end of the last; a moment with a time is itself."""
    given = _text(query, name, problems)
    if given is None:
        return None
    moment = _read(given, time.max if name == TO else time.min)
    if moment is None:
        told = _("%(name)s: expected a day such as 2026-12-24, got %(given)r.")
        problems.append(told % {"name": name, "given": given})
    return moment


def _read(given: str, at: time) -> datetime | None:
    try:
        day = parse_date(given)
        moment = parse_datetime(given) if day is None else datetime.combine(day, at)
        if moment is None:
            return None
        is_aware = timezone.is_aware(timezone.now())
        if is_aware and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        # Databases are asked in UTC: what is no moment there is none.
        moment.astimezone(UTC)
        if is_aware:
            return moment
        return moment if timezone.is_naive(moment) else timezone.make_naive(moment)
    except (ValueError, OverflowError):
        return None
