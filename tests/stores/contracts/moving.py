"""All 64 pairs of states: a verb moves a job exactly where the table of transitions allows it."""

from collections.abc import Callable

import pytest

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State, is_allowed
from django_taskq.stores.base import Store
from tests.stores.jobs import KILLED, WORKER, bring, record, state
from tests.stores.places import Place

type Verb = Callable[[Store, JobRecord], object]

# Moves that the table allows for limits and dependencies; no verb of this release makes them.
NOT_YET = frozenset(
    {
        (State.READY, State.SCHEDULED),
        (State.DEFERRED, State.READY),
        (State.DEFERRED, State.SCHEDULED),
        (State.DEFERRED, State.SKIPPED),
    }
)


def end(verdict: Verdict, **values: float) -> Verb:
    """Return a finish by the worker and attempt that held the job last."""

    def write(store: Store, job: JobRecord) -> object:
        ended = Outcome(job.seq, job.attempt, verdict, **values)  # type: ignore[arg-type]
        return store.finish(WORKER, [ended])

    return write


def release(store: Store, job: JobRecord) -> object:
    """Give the job back."""
    return store.release(WORKER, [Fence(job.seq, job.attempt)])


# The verbs that aim at a state, applied one after the other.
VERBS: dict[State, tuple[Verb, ...]] = {
    State.READY: (
        lambda store, job: store.lose(
            WORKER, [Fence(job.seq, job.attempt)], KILLED, was_alone=False
        ),
        lambda store, job: store.retry([job.id]),
        lambda store, job: store.run_now([job.id]),
        lambda store, job: store.promote(10),
        release,
        end(Verdict.RETRY),
        end(Verdict.RELEASED),
        lambda store, job: store.forget(WORKER),
        lambda store, job: store.reap(),
    ),
    State.SCHEDULED: (end(Verdict.RETRY, delay=60.0),),
    State.DEFERRED: (),
    State.RUNNING: (lambda store, job: store.claim(ClaimRequest("host:3:late", 10)),),
    State.SUCCESSFUL: (end(Verdict.SUCCEEDED),),
    State.FAILED: (end(Verdict.FAILED),),
    State.CANCELED: (lambda store, job: store.cancel([job.id]), release),
    State.SKIPPED: (),
}


class Moving:
    """The one table of transitions holds in every store."""

    @pytest.mark.parametrize("before", State)
    @pytest.mark.parametrize("after", State)
    def test_a_job_moves_exactly_where_the_table_allows(
        self, place: Place, store: Store, before: State, after: State
    ) -> None:
        id = bring(place, store, before)
        job = record(store, id)
        for verb in VERBS[after]:
            verb(store, job)
        is_moved = is_allowed(before, after) and (before, after) not in NOT_YET

        assert state(store, id) == (after if is_moved else before)
        if not is_moved and before is not State.RUNNING:
            assert record(store, id) == job
