"""One store, or one pool around a store, per alias and process.

`task_backends[alias]` is another object in every thread, so nothing that lasts can live on it.
"""

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from django.core.signals import setting_changed

from django_taskq.options import Options


class Closable(Protocol):
    """What the registry keeps: something a process opens once and closes at its end."""

    def close(self) -> None:
        """Give up what is held open."""


class Registry:
    """Keeps one entry per (alias, maker, options), safe from any thread.

    A forked child starts empty: threads, locks and connections of its parent are of no use to
    it. Entries are closed when TASKS changes (override_settings) and at interpreter exit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[str, Any, Options, Any]] = []
        self._pid: int | None = None

    def get[T: Closable](
        self, alias: str, make: Callable[[str, Options], T], options: Options
    ) -> T:
        """Return the entry of an alias, made now if this process has none yet."""
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            for known_alias, known_make, known_options, entry in self._entries:
                if (known_alias, known_make, known_options) == (alias, make, options):
                    kept: T = entry
                    return kept
            made = make(alias, options)
            self._entries.append((alias, make, options, made))
            return made

    def has(self, alias: str) -> bool:
        """Tell whether this process keeps an entry of an alias."""
        if self._pid != os.getpid():
            return False
        with self._lock:
            return any(known == alias for known, *_ in self._entries)

    def close(self) -> None:
        """Close every entry; the next `get` makes new ones."""
        if self._pid != os.getpid():
            return
        with self._lock:
            entries, self._entries = self._entries, []
        for *_, entry in entries:
            entry.close()

    def _start(self) -> None:
        is_first = self._pid is None
        self._lock, self._entries, self._pid = threading.Lock(), [], os.getpid()
        if is_first:
            setting_changed.connect(self._on_setting_changed)
            atexit.register(self.close)

    def _on_setting_changed(self, *, setting: str, **kwargs: Any) -> None:
        if setting == "TASKS":
            self.close()


registry = Registry()
