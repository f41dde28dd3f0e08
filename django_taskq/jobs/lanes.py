"""Lanes: where ready jobs stand."""

from typing import NamedTuple


class Lane(NamedTuple):
    """The ready jobs of one tenant in one queue and band."""

    queue: str
    band: int
    tenant: str
