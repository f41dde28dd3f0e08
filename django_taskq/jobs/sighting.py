"""When a job was first met by a worker that cannot import its task: what `ctx` keeps of that."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext

from django_taskq.jobs import payload
from django_taskq.jobs.wording import gettext_noop

# Reserved in `ctx`; nobody sees it in `job.ctx`.
KEY = "_unloadable_since"

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 5.0
# However many there are, each is offered so often within its grace.
LEAST_OFFERS = 4


_SENTENCE = gettext_noop(
    "Worker %(worker)s could not load it, and gave it back to others until %(until)s: %(error)s"
)


class Sighting(NamedTuple):
    """From `since` on workers could not import the task; until `until` the job is given back.

    `starts` is how often its function had started by then: a job that has started since was
    loaded, and what was seen before counts no more. `worker_id` and `error` tell of the last
    worker that met it.
    """

    since: datetime
    until: datetime
    starts: int
    worker_id: str
    error: str

    @property
    def sentence(self) -> str:
        """Why the job waits."""
        return _SENTENCE % self._values

    @property
    def told(self) -> str:
        """The same in the language of who reads it."""
        return gettext(_SENTENCE) % self._values

    @property
    def _values(self) -> dict[str, str]:
        return {
            "worker": self.worker_id, "until": written(self.until), "error": self.error,
        }  # fmt: skip

    def pause(self, now: datetime, crowd: float = 0.0) -> float | None:
        """Return the seconds until the job is offered again, None where its grace is over.

        It grows with the time for which the job has been given back. `crowd` is how many seconds
        the worker wants for the others like it: they are older than what waits behind them, and
        would otherwise all come first again.
        """
        left = (self.until - now).total_seconds()
        if left <= 0:
            return None
        waited = (now - self.since).total_seconds()
        longest = max(LONGEST_PAUSE, (self.until - self.since).total_seconds() / LEAST_OFFERS)
        return min(left, max(SHORTEST_PAUSE, min(LONGEST_PAUSE, waited), min(crowd, longest)))


def sight(
    ctx: str | None, *, now: datetime, grace: float, starts: int, worker_id: str, error: str
) -> Sighting:
    """Return what is known once a worker has met a job with this `ctx`."""
    known = sighting_in(ctx)
    since = now
    if known is not None and known.starts == starts:
        since = min(now, known.since)
    until = since + timedelta(seconds=grace)
    return Sighting(since, until, starts, worker_id, error)


def sighting_in(ctx: str | None) -> Sighting | None:
    """Return the sighting that a stored `ctx` holds; one that cannot be read counts as none."""
    if ctx is None or KEY not in ctx:
        return None
    stored: Any = _read(ctx).get(KEY)
    try:
        since, until, starts, worker_id, error = stored
        return Sighting(
            datetime.fromisoformat(since),
            datetime.fromisoformat(until),
            int(starts),
            str(worker_id),
            str(error),
        )
    except (TypeError, ValueError):
        return None


def keep(ctx: str | None, sighting: Sighting) -> str:
    """Return a stored `ctx` with a sighting in it."""
    since, until = sighting.since.isoformat(), sighting.until.isoformat()
    stored = [since, until, sighting.starts, sighting.worker_id, sighting.error]
    return payload.encode(_read(ctx) | {KEY: stored}, "ctx")


def forget(ctx: str | None) -> str | None:
    """Return a stored `ctx` without a sighting; as it is where it holds none."""
    if ctx is None or KEY not in ctx:
        return ctx
    rest = _read(ctx)
    rest.pop(KEY, None)
    return payload.encode(rest, "ctx")


def waiting_reason(ctx: str | None) -> str | None:
    """Return in a sentence why a waiting job was given back, None where it was not."""
    sighting = sighting_in(ctx)
    return None if sighting is None else sighting.sentence


def written(moment: datetime) -> str:
    """Return a moment for people, to the second."""
    return moment.isoformat(sep=" ", timespec="seconds")


def _read(ctx: str | None) -> dict[str, Any]:
    try:
        stored = payload.decode(ctx or "{}")
    except ValueError:
        return {}
    return stored if isinstance(stored, dict) else {}
