"""What a child has started, and which leases it holds, in memory that others can read.

A child that died tells nothing any more; what it wrote here is still there. One process writes,
with its threads taking turns by the interpreter's lock; its supervisor and the supervisor's
errands read. A mark counts once its attempt is written, which is the last field to change when
it is made and the first when it is wiped, so a death in between leaves no wrong one.
"""

import struct
from collections import deque
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from time import monotonic
from typing import Any, NamedTuple, Protocol

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence

LONGEST_ID = 512

_LEASE = struct.Struct("=ddH512s")
_TIME = struct.Struct("=d")
_MARK = struct.Struct("=qiid36s")
_MARK_BODY = struct.Struct("=q")
_ATTEMPT = struct.Struct("=i")
_REST = struct.Struct("=id36s")
_FIRST, _SECOND = 0, _TIME.size


class LeaseMark(NamedTuple):
    """A lease as a child sees it: when it renewed it last, and when somebody did for it."""

    worker_id: str
    renewed: float
    kept: float


class Mark(NamedTuple):
    """An attempt that a function is in. `deadline` is monotonic, 0.0 where there is none."""

    place: int
    fence: Fence
    deadline: float
    id: str


class Marks(Protocol):
    """Where one worker writes what it has started."""

    def start(self, claim: Claim, deadline: float = 0.0) -> int:
        """Mark an attempt whose function starts; return what `end` wants to know."""

    def end(self, number: int) -> None:
        """Wipe the mark of an attempt whose function has ended."""

    def renew(self, worker_id: str) -> None:
        """Note that the lease of this worker was renewed just now."""

    def kept(self) -> float:
        """Return when the lease was last renewed by somebody else, on the monotonic clock."""


class NoMarks:
    """Marks of a worker that nobody supervises."""

    def start(self, claim: Claim, deadline: float = 0.0) -> int:
        """Mark nothing."""
        return -1

    def end(self, number: int) -> None:
        """Wipe nothing."""

    def renew(self, worker_id: str) -> None:
        """Note nothing."""

    def kept(self) -> float:
        """Return a time before all others."""
        return 0.0


class SharedMarks:
    """The marks of one child: a lease for each of its workers, and a number of attempts.

    Made by the supervisor, before the child; clocks are CLOCK_MONOTONIC, the same in both.
    """

    def __init__(self, context: BaseContext, places: int, size: int) -> None:
        self._places = places
        self._size = size
        self._memory: Any = context.RawArray("c", _LEASE.size * places + _MARK.size * size)

    def of(self, place: int) -> "PlaceMarks":
        """Return where the worker at this place writes; in the child alone."""
        share = self._size // self._places
        return PlaceMarks(self, place, range(place * share, (place + 1) * share))

    def leases(self) -> list[LeaseMark]:
        """Return the lease of each worker; without an id where none was taken yet."""
        return [self.lease(place) for place in range(self._places)]

    def lease(self, place: int) -> LeaseMark:
        """Return the lease of the worker at a place."""
        renewed, kept, length, text = _LEASE.unpack_from(self._memory, place * _LEASE.size)
        return LeaseMark(text[:length].decode("utf-8", "replace"), renewed, kept)

    def keep(self, place: int) -> None:
        """Note that a lease was renewed just now on behalf of the child."""
        _TIME.pack_into(self._memory, place * _LEASE.size + _SECOND, monotonic())

    def started(self) -> list[Mark]:
        """Return the attempts whose functions have started and not ended."""
        found = []
        for number in range(self._size):
            place_of = self._offset(number)
            seq, attempt, place, deadline, id = _MARK.unpack_from(self._memory, place_of)
            if attempt:
                found.append(Mark(place, Fence(seq, attempt), deadline, id.decode()))
        return found

    def write(self, number: int, place: int, claim: Claim, deadline: float) -> None:
        """Write a mark, its attempt last."""
        offset, memory = self._offset(number), self._memory
        _MARK_BODY.pack_into(memory, offset, claim.seq)
        rest = offset + _MARK_BODY.size + _ATTEMPT.size
        _REST.pack_into(memory, rest, place, deadline, claim.id.encode())
        _ATTEMPT.pack_into(memory, offset + _MARK_BODY.size, claim.attempt)

    def wipe(self, number: int) -> None:
        """Wipe a mark."""
        _ATTEMPT.pack_into(self._memory, self._offset(number) + _MARK_BODY.size, 0)

    def renew(self, place: int, worker_id: str) -> None:
        """Write a lease that was renewed just now."""
        offset = place * _LEASE.size
        text = worker_id.encode()[:LONGEST_ID]
        if self.lease(place).worker_id != worker_id:
            _LEASE.pack_into(self._memory, offset, monotonic(), 0.0, len(text), text)
        else:
            _TIME.pack_into(self._memory, offset + _FIRST, monotonic())

    def _offset(self, number: int) -> int:
        return _LEASE.size * self._places + _MARK.size * number


class PlaceMarks:
    """Where one worker of a child writes. Any thread may start and end marks."""

    def __init__(self, shared: SharedMarks, place: int, numbers: Sequence[int]) -> None:
        self._shared = shared
        self._place = place
        self._free: deque[int] = deque(numbers)

    def start(self, claim: Claim, deadline: float = 0.0) -> int:
        """Mark an attempt; -1 where no mark is left, and the attempt goes without."""
        try:
            number = self._free.pop()
        except IndexError:
            return -1
        self._shared.write(number, self._place, claim, deadline)
        return number

    def end(self, number: int) -> None:
        """Wipe a mark."""
        if number >= 0:
            self._shared.wipe(number)
            self._free.append(number)

    def renew(self, worker_id: str) -> None:
        """Note that the lease of this worker was renewed just now."""
        self._shared.renew(self._place, worker_id)

    def kept(self) -> float:
        """Return when an errand last renewed the lease."""
        return self._shared.lease(self._place).kept
