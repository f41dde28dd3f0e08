"""A task queue behind Django's own django.tasks API: in memory, or durable in your database."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_taskq.context import JobContext, current_job, current_result_id
    from django_taskq.control import await_result, cancel, get_job, requeue, retry, wait, why
    from django_taskq.coroutines import acancel, aget_job, arequeue, aretry, awhy
    from django_taskq.exceptions import (
        DuplicateJob,
        InvalidPipeline,
        JobCanceled,
        JobSkipped,
        JobStateError,
        RejectError,
        RetryError,
        TaskqError,
        TaskTimeout,
        WaitTimeout,
        XComDoesNotExist,
    )
    from django_taskq.jobs.subjects import about
    from django_taskq.pipelines import Pipeline, PipelineRun, chain, group
    from django_taskq.tasks import Priority, Signature, Task, task, xcom_task
    from django_taskq.tenancy import tenant

__version__ = "0.1.0"

__all__ = [
    "DuplicateJob",
    "InvalidPipeline",
    "JobCanceled",
    "JobContext",
    "JobSkipped",
    "JobStateError",
    "Pipeline",
    "PipelineRun",
    "Priority",
    "RejectError",
    "RetryError",
    "Signature",
    "Task",
    "TaskTimeout",
    "TaskqError",
    "WaitTimeout",
    "XComDoesNotExist",
    "about",
    "acancel",
    "aget_job",
    "arequeue",
    "aretry",
    "await_result",
    "awhy",
    "cancel",
    "chain",
    "current_job",
    "current_result_id",
    "get_job",
    "group",
    "requeue",
    "retry",
    "task",
    "tenant",
    "wait",
    "why",
    "xcom_task",
]

_MODULES = {
    "JobContext": "context",
    "Pipeline": "pipelines",
    "PipelineRun": "pipelines",
    "Priority": "tasks",
    "Signature": "tasks",
    "Task": "tasks",
    "about": "jobs.subjects",
    "acancel": "coroutines",
    "aget_job": "coroutines",
    "arequeue": "coroutines",
    "aretry": "coroutines",
    "await_result": "control",
    "awhy": "coroutines",
    "cancel": "control",
    "chain": "pipelines",
    "current_job": "context",
    "current_result_id": "context",
    "get_job": "control",
    "group": "pipelines",
    "requeue": "control",
    "retry": "control",
    "task": "tasks",
    "tenant": "tenancy",
    "wait": "control",
    "why": "control",
    "xcom_task": "tasks",
}


# Modules that are used by their names, as in `django_taskq.xcom.push(...)`.
_PUBLIC_MODULES = frozenset(
    {"backends", "exceptions", "middleware", "pipelines", "schedules", "signals", "testing", "xcom"}
)


def __getattr__(name: str) -> Any:
    """Import a public name on its first use: settings may import this package early."""
    if name in _PUBLIC_MODULES:
        return import_module(f"django_taskq.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'django_taskq' has no attribute {name!r}")
    module = import_module(f"django_taskq.{_MODULES.get(name, 'exceptions')}")
    globals()[name] = value = getattr(module, name)
    return value
