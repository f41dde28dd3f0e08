"""What of a database itself slows its queue down."""

from typing import NamedTuple


class OldTransaction(NamedTuple):
    """A transaction that is open for long, since when vacuum removes no dead row.

    `age` is in seconds; `application` is how its connection names itself.
    """

    database: str
    pid: int
    application: str
    state: str
    age: float


class LateLock(NamedTuple):
    """An SQLite database whose transactions take the write lock only where they first write."""

    database: str


type Hindrance = OldTransaction | LateLock
