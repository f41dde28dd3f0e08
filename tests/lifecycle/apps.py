"""What the processes of a lifecycle test report by themselves: how each attempt was written."""

import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.tasks import TaskResult
from django.tasks.signals import task_finished

from django_taskq.signals import attempt_failed, late_result, worker_started
from tests.lifecycle.journal import journal_of_process


class LifecycleConfig(AppConfig):
    name = "tests.lifecycle"
    label = "tests_lifecycle"

    def ready(self) -> None:
        task_finished.connect(_on_finished)
        attempt_failed.connect(_on_attempt_failed)
        late_result.connect(_on_late)
        worker_started.connect(_on_joined)


def _on_finished(*, task_result: TaskResult, **kwargs: Any) -> None:
    journal_of_process().write(
        "accepted", task_result.id, task_result.attempts, worker=_worker_of(task_result)
    )


def _on_attempt_failed(*, task_result: TaskResult, **kwargs: Any) -> None:
    journal_of_process().write(
        "retried", task_result.id, task_result.attempts, worker=_worker_of(task_result)
    )


def _on_late(*, task_result: TaskResult, worker_id: str, **kwargs: Any) -> None:
    journal_of_process().write("refused", task_result.id, task_result.attempts, worker=worker_id)


def _on_joined(*, worker_id: str, **kwargs: Any) -> None:
    journal_of_process().write("joined", worker=worker_id)
    broken = os.environ.get("TASKQ_TEST_BREAK_CHILD")
    if broken and Path(broken).exists():
        os._exit(9)


def _worker_of(task_result: TaskResult) -> str:
    return task_result.worker_ids[-1] if task_result.worker_ids else ""
