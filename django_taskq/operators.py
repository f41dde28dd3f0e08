"""What makes tasks and calls of them parts of a pipeline: `>>`, `<<`, `|` and `map`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_taskq.pipelines.pipeline import Pipeline


class Operators:
    """Can be put into a pipeline. Both operands may be a task of Django's own, or a list."""

    __slots__ = ()

    def __rshift__(self, other: Any) -> "Pipeline":
        """Return a pipeline in which the other one waits for this."""
        return _joined(self, other)

    def __rrshift__(self, other: Any) -> "Pipeline":
        return _joined(other, self)

    def __lshift__(self, other: Any) -> "Pipeline":
        """Return a pipeline in which this waits for the other one."""
        return _joined(other, self)

    def __rlshift__(self, other: Any) -> "Pipeline":
        return _joined(self, other)

    def __or__(self, other: Any) -> "Pipeline":
        """Return a pipeline in which neither waits for the other."""
        return _beside(self, other)

    def __ror__(self, other: Any) -> "Pipeline":
        return _beside(other, self)

    def map(self, over: Any = None, *, max_running: int | None = None) -> "Pipeline":
        """Return a step that runs once for each item of a list.

        `over` is the list itself, or the step that returns it, by name or as a pipeline of that
        one step; None stands for the one step before. At most `max_running` items run at once.
        """
        from django_taskq.pipelines.pipeline import mapped

        return mapped(self, over, max_running)


def _joined(first: Any, second: Any) -> "Pipeline":
    from django_taskq.pipelines.pipeline import chain, is_part

    if not (is_part(first) and is_part(second)):
        return NotImplemented  # type: ignore[no-any-return]
    return chain(first, second)


def _beside(first: Any, second: Any) -> "Pipeline":
    from django_taskq.pipelines.pipeline import group, is_part

    if not (is_part(first) and is_part(second)):
        return NotImplemented  # type: ignore[no-any-return]
    return group(first, second)
