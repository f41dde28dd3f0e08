"""Outcomes written again, or out of order, change nothing: each attempt is counted once."""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.jobs.claim import Claim, ClaimRequest, TryError
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import ENDED, Failure, State
from django_taskq.jobs.workers import WorkerInfo
from tests.lifecycle import tasks
from tests.lifecycle.stage import ALIAS, Stage

pytestmark = pytest.mark.lifecycle

JOBS = 6
WORKER = "one"
EXAMPLES = 25
VERDICTS = [Verdict.SUCCEEDED, Verdict.FAILED, Verdict.RETRY, Verdict.RELEASED]


@pytest.fixture
def joined(stage: Stage) -> Stage:
    stage.store.join(WorkerInfo(WORKER, WORKER, "here", 1))
    return stage


def outcome_of(claim: Claim, verdict: Verdict) -> Outcome:
    """Return how an attempt may have ended."""
    if verdict is Verdict.RELEASED:
        return Outcome(claim.seq, claim.attempt, verdict)
    is_bad = verdict is not Verdict.SUCCEEDED
    now = datetime.now(UTC)
    return Outcome(
        claim.seq,
        claim.attempt,
        verdict,
        now,
        now,
        f'["{WORKER}"]',
        None if is_bad else '"done"',
        failure=Failure.ERROR if verdict is Verdict.FAILED else None,
        reason="It was to fail." if is_bad else None,
        error=TryError("builtins.ValueError", "Traceback") if is_bad else None,
        is_first_attempt=claim.attempt == 1,
    )


def test_a_batch_written_twice_changes_nothing_the_second_time(joined: Stage) -> None:
    store = joined.store
    joined.enqueue_acked(tasks.work, [()] * 40)
    claims = store.claim(ClaimRequest(WORKER, 40))
    outcomes = [outcome_of(claim, VERDICTS[n % 4]) for n, claim in enumerate(claims)]

    first = store.finish(WORKER, outcomes)
    once = joined.records()
    again = store.finish(WORKER, list(reversed(outcomes)))

    assert None not in first
    assert again == [None] * 40
    assert joined.records() == once


def test_an_outcome_twice_in_one_batch_is_accepted_once(joined: Stage) -> None:
    store = joined.store
    joined.enqueue_acked(tasks.work, [()] * 4)
    claims = store.claim(ClaimRequest(WORKER, 4))
    outcomes = [outcome_of(claim, verdict) for claim, verdict in zip(claims, VERDICTS, strict=True)]

    states = store.finish(WORKER, outcomes + outcomes)

    assert None not in states[:4]
    assert states[4:] == [None] * 4
    tries = {record.seq: record.tries for record in joined.records()}
    assert [tries[claim.seq] for claim in claims] == [1, 1, 1, 0]
    assert _attempt_rows() == Counter({(claim.seq, claim.attempt): 1 for claim in claims[1:3]})


def test_outcomes_replayed_in_any_order_count_each_attempt_once(joined: Stage) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.lists(st.sampled_from(VERDICTS), min_size=3, max_size=8), st.randoms())
    def check(verdicts: list[Verdict], chance: random.Random) -> None:
        _replay(joined, verdicts, chance)

    check()


def _replay(stage: Stage, verdicts: list[Verdict], chance: random.Random) -> None:
    """Lead jobs through attempts, writing old and new outcomes in a random order each time."""
    store = stage.store
    ids = stage.enqueue_acked(tasks.work, [()] * JOBS)
    written: list[Outcome] = []
    accepted: Counter[tuple[int, int]] = Counter()
    costs: Counter[int] = Counter()
    for verdict in verdicts:
        claims = store.claim(ClaimRequest(WORKER, JOBS))
        new = [outcome_of(claim, verdict) for claim in claims]
        batch = new + chance.sample(written, min(len(written), 5)) + new[:2]
        chance.shuffle(batch)
        for outcome, state in zip(batch, store.finish(WORKER, batch), strict=True):
            if state is not None:
                accepted[outcome[:2]] += 1
                costs[outcome.seq] += outcome.costs_try
        store.release(WORKER, [Fence(*outcome[:2]) for outcome in written[-4:]])
        written += new
    records = {record.seq: record for record in store.get(ids)}
    assert set(accepted.values()) <= {1}
    assert len(accepted) == len(written)
    for seq, record in records.items():
        assert record.tries == costs[seq]
        assert record.state in ENDED | {State.READY}
    kept = {outcome[:2] for outcome in written if outcome.needs_attempt_row}
    rows = _attempt_rows()
    assert {fence: rows[fence] for fence in kept} == dict.fromkeys(kept, 1)
    _empty(stage)


def _attempt_rows() -> Counter[Any]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT job_id, attempt FROM taskq_attempt")
        return Counter(tuple(row) for row in cursor.fetchall())


def _empty(stage: Stage) -> None:
    """Leave no ready job to the next example."""
    ids = [record.id for record in stage.records()]
    stage.store.cancel(ids)
    stage.store.delete(ids)
