"""The tenant on whose behalf the current code runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("django_taskq_tenant", default=None)

LONGEST_TENANT = 128


@contextmanager
def tenant(name: str) -> Iterator[None]:
    """Make every job enqueued in this block belong to a tenant.

    Follows threads and async code as context variables do. Raise ValueError for a name that
    cannot be a tenant.
    """
    wrong = check_tenant(name)
    if wrong is not None:
        raise ValueError(f"tenant: {wrong}.")
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def enter_tenant(name: str) -> None:
    """Make a tenant the current one for the rest of this thread's or async task's context."""
    _current.set(name)


def current_tenant() -> str | None:
    """Return the tenant of the innermost block or running job, None outside of both."""
    return _current.get()


def check_tenant(name: object) -> str | None:
    """Return what is wrong with a tenant's name, or None where it can be used."""
    return check_name(name, LONGEST_TENANT)


def check_name(name: object, longest: int) -> str | None:
    """Return what is wrong with a stored name, or None where every database takes it."""
    if not isinstance(name, str) or len(name) > longest:
        return f"expected text of at most {longest} characters, got {name!r}"
    if not name.isprintable():
        return f"expected printable characters only, got {name!r}"
    # MariaDB and MySQL take it for the same name without it.
    if name.endswith(" "):
        return f"expected no space at its end, got {name!r}"
    return None
