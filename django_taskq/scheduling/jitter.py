"""How much later than due a tick fires, so that not all schedules fire in the same second."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b

_BITS = 64
_MICROSECOND = timedelta(microseconds=1)


def jitter_of(name: str, due: datetime, seconds: float) -> timedelta:
    """Return the delay of a tick: below `seconds`, and the same wherever it is asked for."""
    span = timedelta(seconds=seconds) // _MICROSECOND
    if span <= 0:
        return timedelta()
    text = f"{name}\n{due.astimezone(UTC).isoformat()}"
    drawn = int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())
    return timedelta(microseconds=(drawn * span) >> _BITS)
