"""Public ids of jobs: UUID version 7 (RFC 9562), time-ordered and not guessable."""

import os
import re
import time
import uuid
from hashlib import blake2b

_VERSION_AND_VARIANT = (0x7 << 76) | (0x2 << 62)
_RANDOM_BITS = (0xFFF << 64) | ((1 << 62) - 1)
_is_canonical = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


class _Noise:
    """Random bytes of the system, fetched for 256 ids at a time.

    Asking for each id lets go of the interpreter's lock each time, which costs a busy process a
    switch of threads per enqueue. A forked child must not go on with its parent's bytes.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._pid = 0

    def take(self) -> bytes:
        """Return ten bytes that nobody else gets. Safe from any thread."""
        if self._pid != os.getpid():
            self._pieces, self._pid = [], os.getpid()
        while True:
            try:
                return self._pieces.pop()
            except IndexError:
                fetched = os.urandom(10 * 256)
                self._pieces = [fetched[at : at + 10] for at in range(0, len(fetched), 10)]


_noise = _Noise()


def new_id() -> str:
    """Make a public id: 48 bits of wall clock in milliseconds, 74 random bits.

    The order inside a lane never hangs on it, since client clocks differ; it only keeps new
    rows close together in the index.
    """
    millis = time.time_ns() // 1_000_000
    return _written((millis << 80) | _VERSION_AND_VARIANT | _bits(_noise.take()))


def derived_id(id: str, *place: int) -> str:
    """Return the id that a place has below another id, the same each time.

    It has the time of that id; who does not know the one cannot guess the other.
    """
    noise = blake2b(repr(place).encode(), key=id.encode(), digest_size=10).digest()
    millis = int(id.replace("-", ""), 16) >> 80
    return _written((millis << 80) | _VERSION_AND_VARIANT | _bits(noise))


def _bits(noise: bytes) -> int:
    return int.from_bytes(noise) & _RANDOM_BITS


def _written(value: int) -> str:
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_id(text: object) -> str | None:
    """Return the id in its canonical form, or None where the text is no id at all."""
    if isinstance(text, uuid.UUID):
        return str(text)
    if not isinstance(text, str) or len(text) not in (32, 36):
        return None
    if _is_canonical(text):
        return text
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
