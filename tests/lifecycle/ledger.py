"""Joins the journal of a test with the tables: what must be zero, and what must be explained."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django_taskq.jobs.record import JobRecord
from tests.lifecycle.journal import Event
from tests.lifecycle.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What came of the jobs of a test; every list names job ids.

    - lost: committed, yet not at an end
    - phantom: started, yet never committed; an enqueue that raised may have been
    - twice_accepted: more than one accepted end
    - stale_accepted: the accepted end came from another worker than the one that the row names
    - duplicates: ran more than once, other than by a try that failed
    - unexplained: a duplicate although the process of the earlier start was never disturbed
    """

    committed: int
    started: int
    lost: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    twice_accepted: list[str] = field(default_factory=list)
    stale_accepted: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def assert_sound(self) -> None:
        """Fail unless everything that must be zero is."""
        wrong = {
            name: ids
            for name in ("lost", "phantom", "twice_accepted", "stale_accepted", "unexplained")
            if (ids := getattr(self, name))
        }
        assert not wrong, {name: (len(ids), ids[:5]) for name, ids in wrong.items()}


def ledger_of(stage: Stage, *, disturbed: Collection[int] = ()) -> Ledger:
    """Draw up the ledger of a stage; `disturbed` are pids and groups that a test stopped."""
    return draw_up(stage.journal.events(), stage.records(), disturbed)


def draw_up(
    events: Iterable[Event], records: Iterable[JobRecord], disturbed: Collection[int] = ()
) -> Ledger:
    """Draw up a ledger of events and the rows at the end."""
    by_kind: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_kind[event.kind].append(event)
    rows = {record.id: record for record in records}
    committed = {event.job for event in by_kind["acked"]}
    tokens = {event.note for event in by_kind["unknown"]}
    in_doubt = {id for id, row in rows.items() if json.loads(row.kwargs).get("token") in tokens}
    known = committed | in_doubt
    retried = {event[1:4] for event in by_kind["retried"]}
    starts: dict[str, list[Event]] = defaultdict(list)
    for event in by_kind["start"]:
        if event[1:4] not in retried:
            starts[event.job].append(event)
    accepted = Counter(event.job for event in by_kind["accepted"])
    again = {job: found for job, found in starts.items() if len(found) > 1}
    return Ledger(
        committed=len(committed),
        started=len(by_kind["start"]),
        lost=[job for job in committed if job not in rows or not rows[job].is_ended],
        phantom=[event.job for event in by_kind["start"] if event.job not in known],
        twice_accepted=[job for job, times in accepted.items() if times > 1],
        stale_accepted=[
            event.job
            for event in by_kind["accepted"]
            if event.worker and event.job in rows and rows[event.job].worker_id != event.worker
        ],
        duplicates=list(again),
        unexplained=[
            job
            for job, found in again.items()
            if any(not {event.pid, event.group} & disturbed for event in found[:-1])
        ],
    )
