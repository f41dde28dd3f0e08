"""What jobs in Redis alone cannot wait for."""

from collections.abc import Sequence

from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs.spec import JobSpec


def refuse_upstreams(alias: str, specs: Sequence[JobSpec]) -> None:
    """Raise InvalidTaskOption where a job is to wait for others."""
    for spec in specs:
        if spec.origin is not None and spec.origin.upstreams:
            raise InvalidTaskOption(
                f"depends_on: jobs of TASKS[{alias!r}] cannot wait for other jobs, since its "
                "OPTIONS['DURABLE'] is False and Redis alone may lose what they wait for. "
                "Enqueue them on an alias whose jobs are durable."
            )
