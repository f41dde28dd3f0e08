"""The results of a run's jobs, by place and by name."""

from collections.abc import Iterable
from typing import Any, overload

from django.tasks import TaskResult


class Results(tuple[TaskResult, ...]):  # noqa: SLOT001
    """One result for each job of a run, in the order of its steps.

    `results[0]` and `results["load"]` both return one; `results["transform[3]"]` is that of the
    fourth item over which a step was mapped.
    """

    # A subclass of tuple can have no slots of its own.
    names: tuple[str, ...]

    def __new__(cls, named: Iterable[tuple[str, TaskResult]]) -> "Results":
        """Keep results with the names of their jobs."""
        listed = list(named)
        made = super().__new__(cls, (result for _, result in listed))
        made.names = tuple(name for name, _ in listed)
        return made

    def __reduce__(self) -> Any:
        return type(self), (list(zip(self.names, self, strict=True)),)

    @overload  # type: ignore[override]
    def __getitem__(self, place: int | str) -> TaskResult: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[TaskResult, ...]: ...
    def __getitem__(self, place: Any) -> Any:
        """Return the result at a place or of a name. Raise IndexError or KeyError."""
        if not isinstance(place, str):
            return super().__getitem__(place)
        try:
            return super().__getitem__(self.names.index(place))
        except ValueError:
            raise KeyError(place) from None

    def keys(self) -> tuple[str, ...]:
        """Return the names, in order: `dict(run.results)` has the results by name."""
        return self.names
