"""What a job may wait for, and the sentences about what it may not."""

import uuid
from collections.abc import Iterable, Mapping

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.origin import Upstream
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.unique import unique_key

# Edges between jobs that were there before, among which a circle is looked for at a time.
MOST_EDGES = 10_000


def upstreams_of(spec: JobSpec) -> tuple[Upstream, ...]:
    """Return what a job waits for, each once."""
    if spec.origin is None or not spec.origin.upstreams:
        return ()
    return tuple(dict.fromkeys(spec.origin.upstreams))


def have_upstreams(specs: Iterable[JobSpec]) -> bool:
    """Tell whether any of these waits for others."""
    return any(spec.origin is not None and spec.origin.upstreams for spec in specs)


def renamed(upstream: Upstream, ids: Mapping[str, str]) -> Upstream:
    """Return an upstream by the id that its job has, where that was there before."""
    if upstream.id is None:
        return upstream
    return upstream._replace(id=ids.get(upstream.id, upstream.id))


def pending_key(backend: str, tenant: str, upstream: Upstream) -> str:
    """Return what an upstream that is not there yet is looked for by."""
    if upstream.id is not None:
        return uuid.UUID(upstream.id).hex
    return unique_key(backend, tenant, upstream.task_id or "")


def keys_of(backend: str, spec: JobSpec) -> list[str]:
    """Return what a new job may be looked for by."""
    keys = [uuid.UUID(spec.id).hex]
    if spec.task_id is not None:
        keys.append(unique_key(backend, spec.tenant, spec.task_id))
    return keys


def named(upstream: Upstream) -> str:
    """Return an upstream as a sentence calls it."""
    if upstream.id is not None:
        return f"job {upstream.id}"
    return f"the task_id {upstream.task_id!r}"


def unknown(backend: str, tenant: str, upstream: Upstream) -> InvalidPipeline:
    """Return the error about an upstream that is not there."""
    return InvalidPipeline(
        f"depends_on: expected jobs that were enqueued before on the backend {backend!r} for the "
        f"tenant {tenant!r}, got {named(upstream)}, which is not known there, or was pruned. "
        "Enqueue it first, or set OPTIONS['MISSING_DEPENDENCY'] = 'wait'."
    )


def foreign(spec: JobSpec, upstream: Upstream, tenant: str) -> InvalidPipeline:
    """Return the error about an upstream of another tenant."""
    return InvalidPipeline(
        f"depends_on: expected jobs of the tenant {spec.tenant!r}, got {named(upstream)} of the "
        f"tenant {tenant!r}. Enqueue both for the same tenant."
    )


def without_rows(backend: str) -> InvalidPipeline:
    """Return the error about dependencies where jobs are not backed by rows."""
    return InvalidPipeline(
        f"Expected jobs that wait for no others, since TASKS[{backend!r}] has OPTIONS['DURABLE'] "
        "set to False: depends_on, pipelines and map() would wait for what Redis alone may lose. "
        "Enqueue them on an alias whose jobs are rows."
    )


def check_cycles(upstreams: Mapping[int, Iterable[int]]) -> None:
    """Check that none of these jobs waits for itself, by whatever way. Raise InvalidPipeline."""
    left = _stuck(upstreams)
    if left:
        raise InvalidPipeline(
            f"depends_on: expected no job to wait for itself, got a cycle of {len(left)} jobs, or "
            "behind one. Take one of its edges out."
        )


def find_circle(upstreams: Mapping[int, Iterable[int]]) -> list[int]:
    """Return jobs of which each waits for the next, and the last for the first; none is found
    where no job waits for itself.
    """
    left = _stuck(upstreams)
    way: dict[int, None] = {}
    job = min(left, default=0)
    while left and job not in way:
        way[job] = None
        job = min(left[job])
    walked = list(way)
    return walked[walked.index(job) :] if walked else []


def _stuck(upstreams: Mapping[int, Iterable[int]]) -> dict[int, set[int]]:
    """Return the jobs in a circle or behind one, with those of their upstreams that are too.

    What is no key waits for nobody.
    """
    left = {job: {up for up in ups if up in upstreams} for job, ups in upstreams.items()}
    below: dict[int, list[int]] = {}
    for job, ups in left.items():
        for up in ups:
            below.setdefault(up, []).append(job)
    free = [job for job, ups in left.items() if not ups]
    for job in free:
        del left[job]
        for waiting in below.get(job, ()):
            left[waiting].discard(job)
            if not left[waiting]:
                free.append(waiting)
    return left
