"""The answer to a COMMIT is lost though it was carried out: nothing is lost or done twice."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connections, transaction

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.lifecycle import tasks
from tests.lifecycle.ledger import ledger_of
from tests.lifecycle.proxy import Mode, Proxy
from tests.lifecycle.stage import ALIAS, Stage, led_through
from tests.lifecycle.workers import Workers

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.parametrize("stage", ["postgresql"], indirect=True),
]

# What the proxy recognizes a claim and a finish by: the assignment that each of them makes.
CLAIM = b"SET state = 'RUNNING'"
FINISH = b"state = 'SUCCESSFUL', failure"
LEASE = 20.0


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    made = Proxy(int(stage.database["PORT"]))
    yield made
    made.close()


@pytest.mark.parametrize("is_in_transaction", [True, False], ids=["COMMIT", "autocommit"])
def test_an_enqueue_that_its_caller_tries_again_is_stored_at_least_once(
    stage: Stage, workers: Workers, proxy: Proxy, is_in_transaction: bool
) -> None:
    with led_through(proxy.port):
        for number in range(10):
            token = str(number)
            proxy.cut_after(b"COMMIT" if is_in_transaction else b"INSERT INTO taskq_job")
            with pytest.raises(OperationalError):
                _enqueue(token, is_in_transaction)
            stage.journal.write("unknown", note=token)
            connections[ALIAS].close()
            proxy.cut_after(b"", times=0)
            stage.journal.write("acked", _enqueue(token, is_in_transaction))
        assert proxy.cuts == 10

    workers.start_working("--threads", "2")
    stage.wait_all_ended()

    ledger = ledger_of(stage)
    ledger.assert_sound()
    # Each was carried out though its caller never heard, and once more when it was tried again.
    assert len(stage.records()) == 20


def test_what_a_claim_took_and_never_heard_of_runs_soon(
    stage: Stage, workers: Workers, proxy: Proxy
) -> None:
    stage.use(LEASE=LEASE)
    proxy.cut_after(CLAIM)
    stage.enqueue_acked(tasks.work, [()] * 60)
    worker = workers.start_working("--threads", "2", database=_through(stage, proxy))

    wait_until(lambda: proxy.cuts == 1, what="the claim to be cut off")
    # Long before the lease is over: the worker asks what it holds.
    stage.wait_all_ended(timeout=LEASE / 2)

    records = stage.records()
    assert {record.state for record in records} == {State.SUCCESSFUL}
    assert {record.tries for record in records} == {1}
    assert any(record.attempt == 2 for record in records)
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert worker.is_running


def test_a_finish_whose_answer_was_lost_is_accepted_once_and_not_called_late(
    stage: Stage, workers: Workers, proxy: Proxy
) -> None:
    stage.use(LEASE=LEASE)
    worker = workers.start_working("--threads", "2", database=_through(stage, proxy))
    for round_number in range(1, 4):
        proxy.cut_after(FINISH)
        stage.enqueue_acked(tasks.work, [(0.001,)] * 40)
        wait_until(lambda cuts=round_number: proxy.cuts == cuts, what="a finish to be cut off")
        stage.wait_all_ended()

    wait_until(
        lambda: stage.journal.count("accepted") == 120, what="the end of each job to be told"
    )
    assert not stage.journal.count("refused")
    assert {record.state for record in stage.records()} == {State.SUCCESSFUL}
    assert {record.tries for record in stage.records()} == {1}
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert worker.stop() == 0


def test_connections_cut_at_random_moments_lose_nothing(
    stage: Stage, workers: Workers, proxy: Proxy
) -> None:
    stage.use(LEASE=LEASE)
    through = _through(stage, proxy)
    both = [workers.start_working("--threads", "4", database=through) for _ in range(2)]
    stage.enqueue_acked(tasks.work, [(0.01,)] * 1000)
    for number, started in enumerate(range(100, 900, 100)):
        stage.wait_started(started)
        if number % 3 == 2:
            proxy.cut_after((CLAIM, FINISH)[number % 2])
        else:
            proxy.drop_all(by_reset=number % 3 == 1)

    stage.wait_all_ended()
    ledger = ledger_of(stage)
    ledger.assert_sound()
    assert not ledger.duplicates
    assert not stage.journal.count("refused")
    assert all(worker.is_running for worker in both)


@pytest.mark.parametrize("mode", [Mode.BLACKHOLE, Mode.HALF_OPEN])
def test_a_worker_cut_off_past_its_lease_starts_nothing_more_and_joins_again(
    stage: Stage, workers: Workers, proxy: Proxy, mode: Mode
) -> None:
    stage.use(LEASE=2.0)
    gate = stage.path("gate")
    lonely = workers.start_working("--threads", "1", database=_through(stage, proxy))
    first_id = stage.worker_of(lonely.pid).id
    stage.enqueue_acked(tasks.block, [(str(gate),)] * 5)
    stage.wait_started(1)

    proxy.set_mode(mode)
    workers.start_working("--threads", "5")
    stage.wait_started(6)
    gate.touch()
    stage.wait_all_ended()
    wait_until(
        lambda: len([e for e in stage.journal.events("effect") if e.group == lonely.pid]) == 1,
        what="the job of the lonely worker to end",
    )
    proxy.set_mode(Mode.PASS)
    proxy.drop_all(by_reset=True)

    wait_until(lambda: stage.journal.count("refused") == 1, timeout=20, what="the late result")
    ledger = ledger_of(stage, disturbed={lonely.pid})
    ledger.assert_sound()
    assert len(ledger.duplicates) == 1
    lonely.wait_for_log("lost its lease")
    wait_until(lambda: stage.worker_of(lonely.pid).id != first_id, what="it to join again")


def _enqueue(token: str, is_in_transaction: bool) -> str:
    if not is_in_transaction:
        return str(tasks.work.enqueue(token=token).id)
    with transaction.atomic(using=ALIAS):
        return str(tasks.work.enqueue(token=token).id)


def _through(stage: Stage, proxy: Proxy) -> dict[str, object]:
    return stage.database | {"HOST": "127.0.0.1", "PORT": str(proxy.port)}
