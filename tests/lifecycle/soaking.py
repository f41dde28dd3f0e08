"""How long the soak tests take: `SOAK_SECONDS=60 make soak` makes the long ones a minute each."""

import os

VARIABLE = "SOAK_SECONDS"
DEFAULT = 240.0


def soak_seconds(*, at_most: float | None = None) -> float:
    """Return the seconds for which a soak test goes on; `at_most` is enough for some."""
    seconds = float(os.environ.get(VARIABLE) or DEFAULT)
    return seconds if at_most is None else min(seconds, at_most)
