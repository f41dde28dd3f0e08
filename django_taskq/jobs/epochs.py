"""Epochs: what Redis holds between two losses of all that it held."""

from typing import NamedTuple


class KeptEpoch(NamedTuple):
    """What Redis says of its epoch; `number` is None where it knows of none.

    `text` is what its key holds. `holds` says that what it hands out counts: on the server that
    answers, this epoch was opened. `has_begun` says that somebody is about to open it.
    """

    text: str
    number: int | None = None
    holds: bool = False
    has_begun: bool = False


class EpochLost(RuntimeError):
    """Redis does not hold what was handed to it: it was emptied, started anew, or is another one.

    `kept` is what stands in the key of its epoch.
    """

    def __init__(self, kept: str) -> None:
        super().__init__(
            "Redis does not hold the jobs that were handed to it: it was emptied or started anew, "
            "or a replica has taken its place. Workers hand over again what has not ended."
        )
        self.kept = kept
