"""The async forms of what callers do with enqueued jobs; `await_result` is that of `wait`."""

from asgiref.sync import sync_to_async
from django.tasks import TaskResult
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS

from django_taskq import control
from django_taskq.control import Job
from django_taskq.jobs.record import JobRecord


async def aget_job(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> JobRecord:
    """Return a stored job as `get_job` does."""
    return await sync_to_async(control.get_job)(result_or_id, backend)


async def awhy(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> str:
    """Return why a job is not running as `why` does."""
    return await sync_to_async(control.why)(result_or_id, backend)


async def acancel(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> bool:
    """Cancel a job as `cancel` does."""
    return await sync_to_async(control.cancel)(result_or_id, backend)


async def aretry(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> TaskResult:
    """Run a job again as `retry` does."""
    return await sync_to_async(control.retry)(result_or_id, backend)


async def arequeue(result_or_id: Job, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> TaskResult:
    """Enqueue a copy of a job as `requeue` does."""
    return await sync_to_async(control.requeue)(result_or_id, backend)
