"""Sets of tenants by name, as workers are told to serve them."""

from bisect import bisect_left
from collections.abc import Iterable


class Tenants:
    """Some tenants, or all but some. Immutable; made once for a worker, asked by every claim.

    `names` are sorted by code point, which is the order of all columns.
    """

    __slots__ = ("_known", "is_rest", "names")

    def __init__(self, names: Iterable[str], *, is_rest: bool = False) -> None:
        self._known = frozenset(names)
        self.names = tuple(sorted(self._known))
        self.is_rest = is_rest

    def __contains__(self, tenant: str) -> bool:
        return (tenant in self._known) is not self.is_rest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tenants):
            return NotImplemented
        return (self._known, self.is_rest) == (other._known, other.is_rest)

    def __hash__(self) -> int:
        return hash((self._known, self.is_rest))

    def __repr__(self) -> str:
        return f"Tenants({self.names!r}, is_rest={self.is_rest})"

    def from_name(self, tenant: str) -> str | None:
        """Return the first named tenant that is this one or comes after it, None where none does.

        Only for a set that names its members.
        """
        place = bisect_left(self.names, tenant)
        return self.names[place] if place < len(self.names) else None
