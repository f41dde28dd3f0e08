"""A module of a later deploy: it can be imported where, and once, the test says so.

`TASKQ_TEST_LATE` is the path of a file that makes it importable, `TASKQ_TEST_LATE_PID` the one
process that needs none.
"""

import os
from pathlib import Path
from typing import Any

from django_taskq import JobContext, task

if not (
    Path(os.environ["TASKQ_TEST_LATE"]).exists()
    or os.environ.get("TASKQ_TEST_LATE_PID") == str(os.getpid())
):
    raise ImportError("It has not been deployed yet.")


@task(takes_context=True)
def arrive(context: JobContext, *, page: str = "") -> dict[str, Any]:
    """Return what stands in `ctx`, or fail with it."""
    if page == "fail":
        raise LookupError(str(dict(context.ctx)))
    return dict(context.ctx)


@task(takes_context=True)
async def aarrive(context: JobContext) -> dict[str, Any]:
    """Return what stands in `ctx`, from the event loop."""
    return dict(context.ctx)
