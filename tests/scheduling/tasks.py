"""What the schedules of the tests enqueue."""

from django_taskq import JobContext, task


@task(takes_context=True)
def when(context: JobContext) -> str | None:
    """Return for which instant of its schedule the job runs."""
    due = context.scheduled_for
    return None if due is None else due.isoformat()


@task(task_id="the one")
def named() -> None:
    """Have a predictable id."""
