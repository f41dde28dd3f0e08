"""Every test here runs on a thread pool, a process pool, each database of the run, and Redis."""

from collections.abc import Callable
from typing import Any

import pytest
from django.tasks import task_backends

from django_taskq.backends.base import TaskqBackend
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture
from tests.app import tasks
from tests.running import run_due

type Drain = Callable[..., None]
type On = Callable[[Any], Any]

alias = alias_fixture(ON_REDIS, ON_BOTH)


@pytest.fixture
def backend(alias: str) -> TaskqBackend:
    found = task_backends[alias]
    assert isinstance(found, TaskqBackend)
    return found


@pytest.fixture
def drain(alias: str) -> Drain:
    """Run every job that is due, and return when they have ended."""
    return lambda **settings: run_due(alias, **settings)


@pytest.fixture
def on(alias: str) -> On:
    """Return a task as it is enqueued on the alias under test."""
    return lambda task: task.using(backend=alias)


@pytest.fixture(params=["echo", "aecho"])
def echo(request: pytest.FixtureRequest, on: On) -> Any:
    """A task that returns its argument, once as a function and once as a coroutine function."""
    return on(getattr(tasks, request.param))


@pytest.fixture(params=["fail", "afail"])
def fail(request: pytest.FixtureRequest, on: On) -> Any:
    """A task that raises what it is told, as a function and as a coroutine function."""
    return on(getattr(tasks, request.param))
