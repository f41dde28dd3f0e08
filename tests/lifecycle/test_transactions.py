"""A job is there exactly if the transaction that enqueued it was committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle

EXAMPLES = 60


class Enqueue(NamedTuple):
    """Enqueue this many jobs, by one call."""

    count: int


class Block(NamedTuple):
    """A block of `atomic` with what it holds; it ends by an exception where it is not kept."""

    children: tuple[Any, ...]
    is_kept: bool
    has_savepoint: bool


class Undo(Exception):
    """Ends a block that is not to be kept."""


_trees = st.recursive(
    st.builds(Enqueue, st.integers(1, 3)),
    lambda children: st.builds(
        Block, st.lists(children, max_size=4).map(tuple), st.booleans(), st.booleans()
    ),
    max_leaves=12,
)
_plans = st.lists(_trees, min_size=1, max_size=4)


def run(nodes: Any) -> list[str]:
    """Carry out what a block holds; return the ids that must be visible if it is committed."""
    kept: list[str] = []
    for node in nodes:
        if isinstance(node, Enqueue):
            kept.extend(_enqueue(node.count))
        else:
            kept.extend(_run_block(node))
    return kept


def _enqueue(count: int) -> list[str]:
    if count == 1:
        return [tasks.work.enqueue().id]
    return [result.id for result in tasks.work.enqueue_many([((), {})] * count)]


def _run_block(block: Block) -> list[str]:
    is_outermost = not connections[ALIAS].in_atomic_block
    try:
        with transaction.atomic(using=ALIAS, savepoint=block.has_savepoint):
            kept = run(block.children)
            if not block.is_kept:
                raise Undo
    except Undo:
        # Without a savepoint only the block around can be undone.
        if block.has_savepoint or is_outermost:
            return []
        raise
    return kept


def _enqueue_and_undo() -> None:
    assert run([Block((Enqueue(1), Enqueue(2)), is_kept=False, has_savepoint=True)]) == []


@contextmanager
def _seen_from_outside(stage: Stage) -> Iterator[Any]:
    """Count jobs on another connection than Django's own."""
    if stage.vendor == "postgresql":
        entry = stage.database
        with psycopg.connect(
            host=entry["HOST"], port=entry["PORT"], user=entry["USER"], dbname=entry["NAME"]
        ) as connection:
            connection.autocommit = True
            yield lambda: connection.execute("SELECT count(*) FROM taskq_job").fetchone()[0]
        return
    other = connections[ALIAS].copy()
    try:
        with other.cursor() as cursor:
            yield lambda: cursor.execute("SELECT count(*) FROM taskq_job").fetchone()[0]
    finally:
        other.close()


@pytest.mark.parametrize("on_commit", [False, ALIAS], ids=["at once", "on commit"])
def test_what_any_nest_of_atomic_blocks_enqueued_is_visible_exactly_if_committed(
    stage: Stage, on_commit: bool | str
) -> None:
    stage.use(ENQUEUE_ON_COMMIT=on_commit)

    @settings(max_examples=EXAMPLES)
    @given(_plans)
    def check(plan: list[Any]) -> None:
        before = {record.id for record in stage.records()}
        kept = run(plan)
        after = {record.id for record in stage.records()}
        assert after - before == set(kept)

    check()


def test_nothing_is_visible_to_others_before_the_outermost_commit(
    stage: Stage, workers: Workers
) -> None:
    workers.start_working("--poll-interval", "0.05")
    with _seen_from_outside(stage) as count_outside:
        with transaction.atomic(using=ALIAS):
            first = tasks.work.enqueue().id
            with transaction.atomic(using=ALIAS):
                second = tasks.work.enqueue().id
            assert count_outside() == 0
            _enqueue_and_undo()
            assert count_outside() == 0
            assert not stage.journal.count("start")
        assert count_outside() == 2
    for id in (first, second):
        stage.journal.write("acked", id)

    stage.wait_all_ended()

    ledger_of(stage).assert_sound()


def test_a_commit_wakes_an_idle_worker_and_a_rollback_leaves_nothing_behind(
    stage: Stage, workers: Workers
) -> None:
    # Nothing but a wake-up can be as fast as this.
    workers.start_working("--poll-interval", "60")
    _enqueue_and_undo()
    with transaction.atomic(using=ALIAS):
        stage.journal.write("acked", tasks.work.enqueue().id)

    wait_until(lambda: stage.journal.count("effect") == 1, timeout=20, what="the job to run")
    stage.wait_all_ended()

    assert len(stage.records(State.SUCCESSFUL)) == 1
    assert len(stage.records()) == 1
    ledger_of(stage).assert_sound()
