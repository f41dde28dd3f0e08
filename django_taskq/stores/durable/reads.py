"""Looking at jobs: rows, and over them what the line says of those that have not ended."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from django_taskq.jobs.backlogs import Backlog, BacklogQuery, Backlogs
from django_taskq.jobs.filters import JobFilter, RunFilter
from django_taskq.jobs.glance import Glance
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.run import OVER, RunRecord, Tally
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Holder
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Hold, Line, Rows

# In these states a row may not know where its job stands.
_MOVING = frozenset({State.READY, State.SCHEDULED, State.RUNNING})
_WAITING = _MOVING - {State.RUNNING}


class Reads:
    """Reads jobs, workers and live numbers; changes nothing.

    Where the line does not answer, rows alone tell what they know.
    """

    def __init__(self, rows: Rows, line: Line, handover: Handover) -> None:
        self._rows = rows
        self._line = line
        self._handover = handover

    def get(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, in the order asked."""
        return self._seen(self._rows.get(ids))

    def history(self, ids: Sequence[str]) -> list[JobRecord]:
        """Return the jobs with these public ids, each with its attempts."""
        return self._seen(self._rows.history(ids))

    def find(self, wanted: JobFilter) -> list[JobRecord]:
        """Return the newest jobs that match, without the errors of their tries."""
        if wanted.state is None:
            return self._seen(self._rows.find(wanted))
        if wanted.state not in _MOVING:
            return self._rows.find(wanted)
        running = self._handover.ask(self._line.running) or []
        # Among the newest so many may be in other states than their rows say.
        limit = wanted.limit
        wide = wanted._replace(limit=None if limit is None else limit + len(running))
        found = {
            record.id: record
            for state in _MOVING
            for record in self._rows.find(wide._replace(state=state))
        }
        if wanted.state == State.RUNNING and running:
            ids = [job.spec.id for jobs in self._rows.read(running) for job in jobs]
            found |= {
                record.id: record for record in self._rows.get(ids) if _matches(record, wanted)
            }
        seen = self._seen(sorted(found.values(), key=lambda record: record.seq, reverse=True))
        return [record for record in seen if record.state == wanted.state][:limit]

    def holders(self, unique_keys: Sequence[str]) -> dict[str, Holder]:
        """Return the unfinished jobs that are seen to hold these keys."""
        holders = self._rows.holders(unique_keys)
        seen = self._look([holder.id for holder in holders.values()])
        return {
            key: holder._replace(state=State.RUNNING, is_fresh=False)
            if (hold := seen.get(holder.id)) is not None and hold.state is State.RUNNING
            else holder
            for key, holder in holders.items()
        }

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Return the newest pipeline runs that match, each with how its jobs stand."""
        found = self._rows.runs(wanted)
        if all(run.status in OVER for run in found):
            return found
        begun: dict[str, Counter[State | str]] = {}
        for job in self._begun():
            run_id = None if job.spec.origin is None else job.spec.origin.run_id
            if run_id is not None:
                begun.setdefault(run_id, Counter())[job.state] += 1
        return [_run_begun(run, begun[run.id]) if run.id in begun else run for run in found]

    def spent(self, keys: Sequence[str]) -> tuple[dict[str, int], dict[str, datetime | None]]:
        """Tell what limits have spent; nothing where the line does not answer."""
        told = self._handover.ask(partial(self._line.spent, keys))
        return told or (dict.fromkeys(keys, 0), dict.fromkeys(keys))

    def insights(self) -> Insights:
        """Return live numbers: of the line, and of the rows that wait for others."""
        rows = self._rows.insights()
        line = self._handover.ask(self._line.insights)
        if line is None:
            return replace(rows, is_complete=False)
        deferred = [lane for lane in rows.lanes if lane.state == State.DEFERRED]
        return replace(
            rows,
            lanes=tuple(sorted([*line.lanes, *deferred])),
            oldest_ready_at=line.oldest_ready_at,
            workers=line.workers,
        )

    def glance(self, most: int) -> Glance:
        """Return live numbers by queue, quickly: of the line, and of rows that wait for others."""
        rows = self._rows.glance(most)
        line = self._handover.ask(partial(self._line.glance, most))
        if line is None:
            return replace(rows, is_complete=False)
        deferred = [each for each in rows.counts if each.state == State.DEFERRED]
        counts = tuple(sorted([*line.counts, *deferred]))
        # Rows know the oldest of each queue, the line that of all together.
        return replace(rows, counts=counts, workers=line.workers)

    def backlogs(self, wanted: BacklogQuery) -> Backlogs:
        """Return backlogs as rows tell of them, but for what has begun without their knowledge."""
        line = self._handover.ask(partial(self._line.glance, 0))
        told = self._rows.backlogs(wanted)
        by_tenant = dict(told.by_tenant)
        for job in self._begun():
            tenant, queue = job.spec.tenant, job.spec.queue
            if tenant in by_tenant and wanted.queue in (None, queue):
                by_tenant[tenant] = _with_begun(by_tenant[tenant], job.state)
        workers = () if line is None else line.workers
        return told._replace(by_tenant=by_tenant, workers=workers, is_complete=line is not None)

    def outlook(self, id: str) -> Outlook | None:
        """Return what stands between a job and its start."""
        outlook = self._rows.outlook(id)
        if outlook is None:
            return None
        line = self._handover.ask(self._line.insights)
        (record,) = self._seen([outlook.record])
        if line is None:
            return replace(outlook, record=record, is_complete=False)
        return replace(outlook, record=record, workers=line.workers)

    def _begun(self) -> Iterator[HandedJob]:
        """Yield the jobs that run though their rows say that they wait."""
        for jobs in self._rows.read(self._handover.ask(self._line.running) or []):
            yield from (job for job in jobs if job.state in _WAITING)

    def _seen(self, records: list[JobRecord]) -> list[JobRecord]:
        seen = self._look([record.id for record in records if record.state in _MOVING])
        if not seen:
            return records
        return [_overlaid(record, seen.get(record.id)) for record in records]

    def _look(self, ids: Sequence[str]) -> dict[str, Hold]:
        if not ids:
            return {}
        seen = self._handover.ask(partial(self._line.look, ids)) or {}
        return {hold.id: hold for hold in seen.values()}


def _overlaid(record: JobRecord, hold: Hold | None) -> JobRecord:
    """Return a job as the line says that it stands, where its row has not heard of that."""
    if hold is None or hold.attempt < record.attempt:
        return record
    if hold.state is State.RUNNING and hold.attempt > record.attempt:
        return replace(
            record,
            state=State.RUNNING,
            attempt=hold.attempt,
            worker_id=hold.worker_id,
            claimed_at=hold.claimed_at,
            due_at=None,
            parked_for=None,
            reason=None,
        )
    if hold.state is State.READY and record.state == State.SCHEDULED:
        return replace(
            record, state=State.READY, eligible_at=hold.eligible_at, due_at=None, reason=None
        )
    return record


def _with_begun(backlog: Backlog, state: State | str) -> Backlog:
    """Return a backlog of which one job runs that was counted in another state."""
    depth = backlog.depth
    counted = "ready" if state == State.READY else "scheduled"
    waiting = max(0, getattr(depth, counted) - 1)
    return backlog._replace(
        depth=depth._replace(**{counted: waiting, "running": depth.running + 1})
    )


def _run_begun(run: RunRecord, begun: Counter[State | str]) -> RunRecord:
    """Return a run of which some jobs run that wait by their rows."""
    counts = Counter({each[:3]: each.count for each in run.tallies})
    for state, moved in begun.items():
        for is_begun in (True, False):
            taken = min(moved, counts[state, False, is_begun])
            counts[state, False, is_begun] -= taken
            counts[State.RUNNING, False, True] += taken
            moved -= taken
    return run._replace(tallies=tuple(Tally(*key, count) for key, count in (+counts).items()))


def _matches(record: JobRecord, wanted: JobFilter) -> bool:
    asked = wanted._asdict()
    del asked["limit"], asked["state"]
    return all(value in (None, getattr(record, name)) for name, value in asked.items())
