"""Pages of a list that may have millions of rows: nothing is ever counted to the end."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

MOST = 10_000


class CappedPaginator(Paginator):
    """Counts to MOST and no further; what lies beyond is reached by a filter."""

    @cached_property
    def _counted(self) -> int:
        listed: Any = self.object_list
        # Its order stays in the count: it keeps the planner on the index that ends early.
        return int(listed.values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        """The rows that can be paged through."""
        return min(self._counted, MOST)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than can be paged through."""
        return self._counted > MOST
