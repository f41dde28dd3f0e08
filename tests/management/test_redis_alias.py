"""The commands on an alias whose jobs live in Redis."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_taskq import get_job
from django_taskq.jobs.states import State
from tests.aliases import ON_REDIS, alias_fixture
from tests.app import tasks
from tests.redis_alias import REDIS_ENTRY
from tests.running import run_due, run_to_end

alias = alias_fixture(ON_REDIS)
pytestmark = pytest.mark.parametrize("alias", [ON_REDIS], indirect=True)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command and return the JSON that it prints."""
    capsys.readouterr()
    call_command(*words, "--format", "json")
    return json.loads(capsys.readouterr().out)


def test_stats_show_what_waits_in_redis(alias: str, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.echo.using(backend=alias, tenant="acme", queue_name="mail").enqueue(1)
    numbers = told(capsys, "taskq", "stats", "--backend", alias)

    assert [lane["count"] for lane in numbers[alias]["lanes"]] == [1]
    assert numbers[alias]["oldest_ready_at"] is not None


def test_a_queue_in_redis_is_cleared_and_other_queues_stay(
    alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = [tasks.echo.using(backend=alias, queue_name="mail").enqueue(1) for _ in range(3)]
    other = tasks.echo.using(backend=alias).enqueue(1)
    call_command("queue", "clear", "mail", "--backend", alias, "--no-input")

    assert {get_job(result).state for result in mail} == {State.CANCELED}
    assert get_job(other).state == State.READY


def test_jobs_that_match_are_canceled_and_shown(
    alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tasks.echo.using(backend=alias, tenant="acme").enqueue(1)
    ended = run_to_end(alias, tasks.echo.using(backend=alias, tenant="b").enqueue(1))
    assert get_job(wanted).state == State.SUCCESSFUL
    again = tasks.echo.using(backend=alias, tenant="acme").enqueue(1)
    call_command("job", "cancel", "--tenant", "acme", "--backend", alias, "--no-input")
    assert get_job(again).state == State.CANCELED
    listed = told(capsys, "job", "list", "--backend", alias)
    assert {job["id"] for job in listed} == {wanted.id, ended.id, again.id}
    run_due(alias)


@pytest.mark.parametrize(
    "words", [("taskq", "stats"), ("job", "list"), ("queue", "size", "mail")], ids=" ".join
)
def test_a_redis_that_does_not_answer_is_told_of_in_a_sentence(
    alias: str, words: tuple[str, ...]
) -> None:
    gone = {**settings.CACHES["jobs"], "LOCATION": "redis://127.0.0.1:1/0"}
    with (
        override_settings(
            CACHES={**settings.CACHES, "gone": gone},
            TASKS={alias: {**REDIS_ENTRY, "OPTIONS": {**REDIS_ENTRY["OPTIONS"], "CACHE": "gone"}}},
        ),
        pytest.raises(CommandError, match="The store cannot do it: ConnectionError"),
    ):
        call_command(*words, "--backend", alias)
