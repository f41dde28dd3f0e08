"""What stands in a list of middlewares: a dotted path, a class, or an instance."""

import threading
from collections.abc import Callable, Mapping
from inspect import isabstract
from typing import Any

from django.utils.module_loading import import_string

from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware.base import Middleware, Rule

OUR_OWN = "django_taskq.middleware."


class Unusable(Exception):
    """An entry leads to no middleware; its text goes on after "expected ..., got"."""


class Entry:
    """One entry of a list. Imports and makes its middleware when it is first needed, once.

    A failure is not remembered: a module that could not be imported while others were still on
    their way in may be there the next time. Safe from any thread.
    """

    def __init__(self, given: Any, place: str, owner: str = "", *, is_global: bool = False) -> None:
        self.given = given
        self.place = place
        self.owner = owner
        self.is_global = is_global
        self._found: Any = None
        self._made: Middleware | None = None
        self._lock = threading.RLock()

    @property
    def is_at_hand(self) -> bool:
        """Whether its options are known without an import of the project's code."""
        return not isinstance(self.given, str) or self.given.startswith(OUR_OWN)

    @property
    def options(self) -> Mapping[str, Rule]:
        """The task options that belong to it. Raise InvalidOptions."""
        found = self._told(self._find)
        return found.options if _is_kind(found) else self.middleware.options

    @property
    def middleware(self) -> Middleware:
        """The instance that serves all tasks. Raise InvalidOptions."""
        if self._made is None:
            # Imported without the lock: whoever imports the same module meanwhile may want it.
            found = self._told(self._find)
            with self._lock:
                if self._made is None:
                    self._made = self._told(lambda: _make(found))
        return self._made

    @property
    def may_send(self) -> bool:
        """Whether it may lead to a middleware that sends headers along. Raise InvalidOptions."""
        found = self._told(self._find)
        if isinstance(found, Middleware):
            return sends_headers(type(found))
        return not _is_kind(found) or sends_headers(found)

    @property
    def made(self) -> Middleware | None:
        """The instance, None where none was needed yet."""
        return self._made

    def find_wrong(self) -> str | None:
        """Return what is wrong with it in a sentence, None where it leads to a middleware."""
        try:
            _ = self.middleware
        except InvalidOptions as error:
            return str(error)
        return None

    def _find(self) -> Any:
        if self._found is None:
            self._found = import_string(self.given) if isinstance(self.given, str) else self.given
        return self._found

    def _told[T](self, step: Callable[[], T]) -> T:
        try:
            return step()
        except Unusable as error:
            raise InvalidOptions(self._sentence(str(error))) from None
        except Exception as error:
            told = f"{self.given!r}: {type(error).__name__}: {error}".removesuffix(".")
            raise InvalidOptions(self._sentence(told)) from error

    def _sentence(self, got: str) -> str:
        return (
            f"{self.owner}Expected {self.place} to be the dotted path of a Middleware, a subclass "
            f"or an instance, got {got}."
        )


def find_misfit(given: Any) -> str | None:
    """Return what is wrong with the shape of an entry; nothing is imported."""
    if (isinstance(given, str) and given) or isinstance(given, Middleware) or _is_kind(given):
        return None
    return f"expected the dotted path of a Middleware, a subclass or an instance, got {given!r}"


def sends_headers(kind: type[Middleware]) -> bool:
    """Tell whether middlewares of a kind have headers, so that they must be asked for them."""
    return kind.headers is not Middleware.headers


def _is_kind(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Middleware)


def _make(found: Any) -> Middleware:
    """Return the instance that an entry leads to."""
    if isinstance(found, Middleware):
        return found
    if isinstance(found, type):
        if not issubclass(found, Middleware):
            raise Unusable(f"the class {found.__qualname__}, which is no Middleware")
        if isabstract(found):
            raise Unusable(f"the class {found.__qualname__}, which has no __call__")
    elif not callable(found):
        raise Unusable(f"{found!r}")
    made = found()
    if not isinstance(made, Middleware):
        raise Unusable(f"{found!r}, which returned {made!r}")
    return made
