"""STAND-IN until the branch ticks is merged."""

from django.tasks import task_backends


def can_tick(alias: str) -> bool:
    backend = task_backends[alias]
    return bool(getattr(backend, "needs_worker", False))
