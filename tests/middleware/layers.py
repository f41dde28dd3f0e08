"""Middlewares as users might write them; what they see goes to a page of the journal."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from django_taskq import current_job, get_job
from django_taskq.exceptions import ReleaseError
from django_taskq.middleware import Middleware
from tests.app import journal


def page_of(job: Any) -> str:
    """Return the page that a job writes on: its first argument."""
    return str(job.task_result.args[0])


class Noting(Middleware):
    """Notes when it is entered and left, and with what."""

    def __init__(self, name: str = "noting") -> None:
        self.name = name

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Note on the job's page."""
        assert current_job() is job
        journal.write(page_of(job), f"{self.name} in")
        try:
            yield
        except BaseException as error:
            journal.write(page_of(job), f"{self.name} {type(error).__name__}")
            raise
        journal.write(page_of(job), f"{self.name} out")


class AsyncNoting(Middleware):
    """Notes the same, as an async context manager."""

    def __init__(self, name: str = "async") -> None:
        self.name = name

    @asynccontextmanager
    async def __call__(self, job: Any, task: Any) -> AsyncIterator[None]:
        """Note on the job's page."""
        assert current_job() is job
        journal.write(page_of(job), f"{self.name} in")
        try:
            yield
        except BaseException as error:
            journal.write(page_of(job), f"{self.name} {type(error).__name__}")
            raise
        journal.write(page_of(job), f"{self.name} out")


class Raising(Middleware):
    """Raises before the function, or after it."""

    def __init__(self, error: BaseException, *, is_after: bool = False) -> None:
        self.error = error
        self.is_after = is_after

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Raise at its time."""
        if not self.is_after:
            raise self.error
        yield
        raise self.error


class Swallowing(Middleware):
    """Lets no exception through."""

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Swallow."""
        try:
            yield
        except Exception:
            journal.write(page_of(job), "swallowed")


class AsyncSwallowing(Middleware):
    """Lets no exception through."""

    @asynccontextmanager
    async def __call__(self, job: Any, task: Any) -> AsyncIterator[None]:
        """Swallow."""
        try:
            yield
        except Exception:
            journal.write(page_of(job), "swallowed")


class Postponing(Middleware):
    """Gives a job back in its first attempts, for a while."""

    def __init__(self, attempts: int, delay: float = 0.0) -> None:
        self.attempts = attempts
        self.delay = delay

    @contextmanager
    def __call__(self, job: Any, task: Any) -> Iterator[None]:
        """Give back."""
        attempt = get_job(job.task_result).attempt
        if attempt <= self.attempts:
            raise ReleaseError(self.delay, f"attempt {attempt} is too early")
        yield


class Wrong(Middleware):
    """Returns what nothing can run in."""

    def __call__(self, job: Any, task: Any) -> Any:
        """Return no context manager."""
        return 5


class Counted(Noting):
    """Remembers about which tasks it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def concerns(self, task: Any) -> bool:
        """Remember."""
        self.asked.append(task)
        return True
