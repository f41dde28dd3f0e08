"""Exceptions that stayed in a child, as their parent shows them."""

from functools import lru_cache
from typing import Any

from django_taskq.exceptions import StandIn
from django_taskq.jobs.claim import TryError


class RemoteTraceback(Exception):
    """The cause of a stand-in: the traceback that was written in the other process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def stand_in(error: TryError, text: str) -> StandIn:
    """Return an exception to raise in the place of one that was described."""
    made = _class_of(error.exception_class_path)(text)
    made.__cause__ = RemoteTraceback(error.traceback)
    return made


@lru_cache(maxsize=256)
def _class_of(path: str) -> type[StandIn]:
    module, _, name = path.rpartition(".")
    values: dict[str, Any] = {
        "__module__": module,
        "__qualname__": name,
        "__doc__": StandIn.__doc__,
    }
    return type(name, (StandIn,), values)
