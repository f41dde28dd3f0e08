"""Logs, progress and metadata of jobs, as others see them, on every backend."""

from typing import Any

import pytest

from django_taskq import cancel, get_job, retry, wait
from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.states import Failure, State
from tests.aliases import alias_fixture
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.running import run_due, running, wait_until_running

alias = alias_fixture()
LONG = 60.0


def attempts_of(result: Any) -> tuple[AttemptRecord, ...]:
    return get_job(result).attempts


def said(attempt: AttemptRecord) -> list[str]:
    """Return the lines of a log without their times."""
    return [line.partition("Z ")[2] for line in (attempt.log or "").split("\n")]


@pytest.mark.parametrize("chat", [tasks.chat, tasks.achat])
def test_each_try_has_its_own_log(alias: str, chat: Any) -> None:
    on = chat.using(backend=alias, max_tries=2, backoff=0)
    failed, loud, silent = (
        on.enqueue("one", "two", kind="ValueError"),
        on.enqueue("hi"),
        on.enqueue(),
    )
    run_due(alias)
    first, second = attempts_of(failed)
    expected = ["WARNING tests.app.chat: one", "WARNING tests.app.chat: two"]
    assert (first.attempt, first.verdict, said(first)) == (1, "retry", expected)
    assert (second.attempt, second.verdict, said(second)) == (2, "failed", expected)
    (only,) = attempts_of(loud)
    assert (only.verdict, said(only)) == ("succeeded", ["WARNING tests.app.chat: hi"])
    assert attempts_of(silent) == ()


def test_a_job_can_write_into_its_log(alias: str) -> None:
    result = tasks.note_down.using(backend=alias).enqueue("50 % \x00", "rest")
    run_due(alias)
    (only,) = attempts_of(result)
    assert said(only) == ["INFO django_taskq.job: 50 % \\x00", "INFO django_taskq.job: rest"]


def test_a_job_that_overran_its_time_has_what_it_logged_until_then(alias: str) -> None:
    # Long enough for a child to tell its parent, which kills it.
    result = tasks.chat.using(backend=alias, timeout=3).enqueue("so far", gate=f"never {alias}")
    with running(alias):
        wait(result, timeout=LONG)
        gates.open_gate(f"never {alias}")
    (only,) = attempts_of(result)
    assert (only.verdict, only.failure) == ("failed", Failure.TIMEOUT)
    assert said(only) == ["WARNING tests.app.chat: so far"]


def test_a_canceled_job_has_its_log(alias: str) -> None:
    gate = f"canceled {alias}"
    result = tasks.chat.using(backend=alias).enqueue("before", kind="ValueError", gate=gate)
    with running(alias):
        wait_until_running(result, gate)
        cancel(result)
        gates.open_gate(gate)
        wait(result, timeout=LONG)
    (only,) = attempts_of(result)
    assert (only.verdict, said(only)) == ("canceled", ["WARNING tests.app.chat: before"])


def test_a_retry_by_hand_keeps_the_logs(alias: str) -> None:
    result = tasks.chat.using(backend=alias).enqueue("again", kind="ValueError")
    run_due(alias)
    assert get_job(result).state == State.FAILED
    retry(result)
    run_due(alias)
    assert [said(each) for each in attempts_of(result)] == [["WARNING tests.app.chat: again"]] * 2


def test_progress_of_a_running_job_is_seen_and_stays_once_it_has_ended(alias: str) -> None:
    gate = f"progress {alias}"
    result = tasks.tell_progress.using(backend=alias).enqueue(3, 10, "half", gate)
    with running(alias):
        wait_until_running(result, gate)
        told = wait_until(lambda: get_job(result).progress, timeout=LONG, what="the progress")
        assert (told.done, told.total, told.message) == (3, 10, "half")
        gates.open_gate(gate)
        wait(result, timeout=LONG)
    assert get_job(result).progress == told


@pytest.mark.parametrize("save", [tasks.save_metadata, tasks.asave_metadata])
def test_saved_metadata_is_seen_while_the_job_runs_but_for_private_keys(
    alias: str, save: Any
) -> None:
    gate = f"metadata {save.name} {alias}"
    on = save.using(backend=alias, metadata={"kept": 1})
    result = on.enqueue({"page": 3, "_private": True}, gate=gate)
    with running(alias):
        wait_until_running(result, gate)
        assert get_job(result).metadata == {"kept": 1, "page": 3}
        gates.open_gate(gate)
        wait(result, timeout=LONG)
    assert get_job(result).metadata == {"kept": 1, "page": 3}
