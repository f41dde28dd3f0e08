"""What callers and operators ask for: no job is handed out while its row changes."""

from collections.abc import Callable, Sequence
from functools import partial

from django_taskq.jobs.amendment import Amendment
from django_taskq.jobs.change import Change
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, OnDuplicate
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Hold, Line, Rows

type Changing = Callable[[Sequence[str]], list[Change]]


class Changes:
    """Stores jobs and changes them: the rows first, the line once that is committed."""

    def __init__(self, rows: Rows, line: Line, handover: Handover) -> None:
        self._rows = rows
        self._line = line
        self._handover = handover

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, as part of the caller's transaction."""
        replacing = [
            spec.unique_key
            for spec in specs
            if spec.unique_key and spec.on_duplicate is OnDuplicate.REPLACE
        ]
        if replacing:
            inserted = self._rows.settle(self._replace, specs, replacing)
        elif self._rows.is_in_transaction:
            # They may change, or be rolled back, before anybody is to hear of them.
            inserted = self._rows.insert(specs)
        else:
            inserted, jobs = self._rows.insert_handed(specs)
            if jobs:
                self._handover.give_new(jobs)
                return inserted
        self._give([item.id for item in inserted if item.entry is Entry.NEW])
        return inserted

    def requeue(self, ids: Sequence[str]) -> list[Inserted]:
        """Insert a copy of each job, ready now."""
        inserted = self._rows.requeue(ids)
        self._give([item.id for item in inserted])
        return inserted

    def cancel(self, ids: Sequence[str]) -> list[Change]:
        """Cancel waiting jobs at once and ask running ones to stop."""
        held = self._handover.ask(partial(self._line.withdraw, ids))
        self._handover.owe_withdrawn(ids)
        changes = self._rows.settle(self._cancel, ids, held)
        self._handover.sync_later(ids)
        return changes

    def retry(self, ids: Sequence[str]) -> list[Change]:
        """Make failed, canceled and skipped jobs READY with fresh tries."""
        return self._changed(ids, self._rows.retry)

    def run_now(self, ids: Sequence[str]) -> list[Change]:
        """Make SCHEDULED jobs READY before their time."""
        return self._changed(ids, self._rows.run_now)

    def amend(self, ids: Sequence[str], amendment: Amendment) -> list[Change]:
        """Give waiting jobs another queue or priority."""
        return self._changed(ids, partial(self._rows.amend, amendment=amendment))

    def _changed(self, ids: Sequence[str], change: Changing) -> list[Change]:
        held = self._held(ids)

        def run() -> list[Change]:
            self._rows.mark(held)
            return change(ids)

        changes = self._rows.settle(run)
        self._handover.sync_later(ids)
        return changes

    def _cancel(self, ids: Sequence[str], held: Sequence[Hold] | None) -> list[Change]:
        self._rows.mark(held or ())
        if held is None:
            # What is in somebody's hand cannot be told: no attempt before a retry is to count.
            self._rows.outdate(ids)
        return self._rows.cancel(ids)

    def _replace(self, specs: Sequence[JobSpec], keys: Sequence[str]) -> list[Inserted]:
        """Store jobs that may take the places of others; what somebody holds has no place to give.

        A row that was changed stays locked until the caller's transaction ends, so that what is
        withdrawn then comes back as it is after that. One that was handed out in between, or may
        have been, is outdated: what that attempt does counts for nothing.
        """
        holders = self._rows.holders(keys)
        self._rows.mark(self._held([holder.id for holder in holders.values()]))
        inserted = self._rows.insert(specs)
        replaced = [item.id for item in inserted if item.entry is Entry.REPLACED]
        if replaced:
            held = self._handover.ask(partial(self._line.withdraw, replaced))
            self._rows.outdate(replaced if held is None else [hold.id for hold in held])
            self._handover.owe_withdrawn(replaced)
            self._handover.sync_later(replaced)
        return inserted

    def _held(self, ids: Sequence[str]) -> list[Hold]:
        """Return those of these jobs that somebody holds, as far as the line tells."""
        seen = self._handover.ask(partial(self._line.look, ids)) or {}
        return [hold for hold in seen.values() if hold.state is State.RUNNING]

    def _give(self, ids: Sequence[str]) -> None:
        if ids:
            self._handover.give_later(ids)
