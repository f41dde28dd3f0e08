"""Comparing what is handed out with what hands it out."""

from typing import NamedTuple


class Handed(NamedTuple):
    """A row whose job is handed out elsewhere; `worker_id` is who runs it, as far as it knows."""

    seq: int
    worker_id: str | None = None


class Page(NamedTuple):
    """Some rows of a walk along an index; `after` is where the next begins, None at the end."""

    rows: list[Handed]
    after: list[int | str] | None


class Room(NamedTuple):
    """Whether there is memory for more jobs, and how many keys were given up for want of it."""

    has_any: bool
    evicted: int


class LineFull(RuntimeError):
    """Whoever hands out has no memory for more jobs; their rows are handed over once it has."""


class Turn(NamedTuple):
    """Whether it is the caller's turn to sweep, and how far a look at everything has come: "" where
    none is under way.
    """

    is_taken: bool
    come: str
