"""Tasks that push and pull values, each in the way that it is told."""

from typing import Any

from asgiref.sync import sync_to_async

from django_taskq import JobContext, task, xcom, xcom_task


@task(takes_context=True)
def push(context: JobContext, key: str, value: Any, fail_until: int = 0, **more: Any) -> None:
    """Push a value, other ones in later attempts, and maybe fail after it."""
    context.xcom_push(key, [value, context.attempt], **more)
    if context.attempt < fail_until:
        raise ValueError("later")


@task(takes_context=True)
async def apush(context: JobContext, key: str, value: Any, **more: Any) -> None:
    """Push a value."""
    context.xcom_push(key, [value, context.attempt], **more)


@task(takes_context=True)
def pull(context: JobContext, key: str, *default: Any, **more: Any) -> Any:
    """Return a value by the context, and by the module."""
    found = context.xcom_pull(key, *default, **more)
    assert found == xcom.pull(key, *default, **more)
    return found


@task(takes_context=True)
async def apull(context: JobContext, key: str, *default: Any, **more: Any) -> Any:
    """Return a value by the context, and by the module."""
    found = context.xcom_pull(key, *default, **more)
    assert found == await sync_to_async(xcom.pull)(key, *default, **more)
    return found


@task
def look() -> list[Any]:
    """Do with the module what a context has no method for."""
    xcom.push("mine", 1, namespace="mine")
    seen = [xcom.keys(), xcom.namespaces(), xcom.pull_all(), xcom.pull_many(["a", "b"], None)]
    return [*seen, xcom.delete("a"), xcom.delete("a"), xcom.clear("mine"), xcom.keys("mine")]


@xcom_task("rows")
def extract(value: Any) -> Any:
    """Return the value, and push it."""
    return value


@xcom_task("rows")
async def aextract(value: Any) -> Any:
    """Return the value, and push it."""
    return value


@task(pull_keys={"rows": "rows", "limit": "limit"}, pull_defaults={"limit": 10})
def load(first: Any, rows: Any, *, limit: int) -> list[Any]:
    """Return what was given and what was pulled."""
    return [first, rows, limit]


@task(pull_keys={"rows": "rows", "limit": "limit"}, pull_defaults={"limit": 10})
async def aload(first: Any, rows: Any, *, limit: int) -> list[Any]:
    """Return what was given and what was pulled."""
    return [first, rows, limit]


@task(auto_xcom=True, max_tries=2, backoff=0)
def hand_over(value: Any) -> Any:
    """Return the value, and hand it to whoever comes after."""
    return value
