"""What a pair of stores tell one another where the one that hands out has lost what it held."""

from collections.abc import Callable, Sequence
from typing import Protocol

from django_taskq.jobs.epochs import KeptEpoch
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.sweeps import Handed, Page, Room, Turn


class Numbers(Protocol):
    """The number of an alias's epoch, beside its rows."""

    def read(self) -> int:
        """Return the number."""

    def replace(self, old: int, new: int) -> bool:
        """Put another number in its place; False where it is not `old` any more."""


class Ground(Protocol):
    """What the line holds its jobs in, for one epoch."""

    def look(self) -> KeptEpoch:
        """Return which epoch it is in."""

    def begin(self, number: int, seen: KeptEpoch) -> bool:
        """Hand nothing out until this epoch is open; False where it is not as it was seen."""

    def empty(self, number: int) -> bool:
        """Delete all that was held before; False where it is not the epoch that has begun."""

    def open(self, number: int) -> bool:
        """Hand out again; False where it is not the epoch that has begun."""

    def give_up(self, number: int) -> None:
        """Let somebody else begin one at once."""


class Giving(Protocol):
    """What takes jobs that are to be handed out."""

    def give(self, jobs: Sequence[HandedJob], *, is_locked: bool) -> int:
        """Make what is there of jobs say what their rows say; return how many were entered."""

    def drop(self, seqs: Sequence[int]) -> None:
        """Have jobs leave whose rows are gone."""


type FindAstray = Callable[[Sequence[Handed]], list[int]]


class Walked(Protocol):
    """Rows, as a sweep needs them."""

    def page(self, walk: str, after: Sequence[int | str] | None, limit: int) -> Page:
        """Return rows of a walk, those behind where a page has ended."""

    def last(self) -> int:
        """Return the number of the newest row of all."""

    def newest(self, after: int, until: int, limit: int) -> list[Handed]:
        """Return rows with numbers between these, the second one included."""

    def handed(self, seqs: Sequence[int]) -> frozenset[int]:
        """Return those of these numbers whose rows are there and wait or run."""

    def stand_down(self, seqs: Sequence[int], find_astray: FindAstray) -> list[HandedJob]:
        """Have no attempt count that was handed out before of those jobs that are astray, by a
        look at them under their locks; return these as they stand then. One transaction.
        """


class Swept(Protocol):
    """The line, as a sweep needs it."""

    def take_turn(self, token: str, come: str | None, begin: str) -> Turn:
        """Take the turn to sweep, or keep it, and note how far a look at everything has come."""

    def ask_for_all(self) -> None:
        """Have a look at everything begun soon."""

    def is_looking(self) -> bool:
        """Tell whether a look at everything is due or under way, so that jobs may still come."""

    def find_astray(self, rows: Sequence[Handed]) -> list[int]:
        """Return the numbers of those that are not here, though their rows are handed out; have
        those that are here found.
        """

    def known(self, after: int, limit: int) -> list[int]:
        """Return the numbers of the jobs that are here, in order, behind one of them."""

    def room(self) -> Room:
        """Return whether there is memory for more jobs."""
