"""The health page: what a probe is told, and with which status."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from django_taskq.control import store_of
from django_taskq.models import Job, Worker
from tests.app import tasks
from tests.deadlines import wait_until
from tests.each_database import on_all_databases, on_each_database
from tests.running import running

TOKEN = "one-token-only-for-tests"


def health(*aliases: str, **limits: float) -> tuple[int, Any]:
    """Return the status of the health page, and what it says."""
    given = {"tokens": [TOKEN], "timeout": 10, **limits}
    # Without the apps of the staff, which these tests leave out.
    urls = "django_taskq.urls"
    with override_settings(TASKQ={"MONITORING": given}, MIDDLEWARE=[], ROOT_URLCONF=urls):
        answer = Client().get(
            "/health", {"backend": aliases}, headers={"authorization": f"Bearer {TOKEN}"}
        )
    return answer.status_code, json.loads(answer.content)


def reasons_of(alias: str, **limits: float) -> list[str]:
    """Return why a backend is ill."""
    status, found = health(alias, **limits)
    assert status == 503
    assert not found["is_healthy"]
    reasons: list[str] = found["backends"][alias]["reasons"]
    return reasons


@on_each_database
def test_health_passes_while_a_worker_idles(alias: str) -> None:
    (reason,) = reasons_of(alias)
    assert reason.startswith("No worker is alive")
    with running(alias):
        _, found = wait_until(
            lambda: told if (told := health(alias))[0] == 200 else None, what="a worker to be seen"
        )
    assert found["backends"][alias] == {
        "is_healthy": True, "reasons": [], "workers": 1, "stalled": 0, "ready": 0, "running": 0,
        "oldest_ready_age": None,
    }  # fmt: skip


@on_each_database
def test_health_fails_when_a_claim_loop_stalls_or_the_backlog_is_too_old(alias: str) -> None:
    now = timezone.now()
    Worker.objects.using(alias).create(
        worker_id="box:7", backend=alias, name="box:7", host="box", pid=7, started_at=now,
        beat_at=now, expires_at=now + timedelta(hours=1), progress_at=now - timedelta(seconds=90),
    )  # fmt: skip
    (stall,) = reasons_of(alias)
    assert "its claim loop has not advanced for 90 s, more than 60 s" in stall
    assert health(alias, max_stall=100)[0] == 200
    tasks.nothing.using(backend=alias).enqueue()
    Job.objects.using(alias).update(eligible_at=now - timedelta(seconds=400))
    (age,) = reasons_of(alias, max_stall=100)
    assert age.startswith("The oldest ready job has waited 40")
    assert health(alias, max_stall=100, max_age=1000)[0] == 200


@on_all_databases
def test_pools_are_well_before_their_first_job_and_a_store_that_fails_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert health("threads", "processes")[0] == 200

    def refuse() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(store_of("default"), "insights", refuse)
    status, found = health("default", "threads")
    assert status == 503
    assert found["backends"]["threads"]["is_healthy"]
    assert "no route to host" in found["backends"]["default"]["reasons"][0]
