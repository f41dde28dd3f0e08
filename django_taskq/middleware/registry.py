"""The middlewares of each TASKS alias in this process."""

import os
from typing import Any

from django.core.signals import setting_changed
from django.tasks import task_backends

from django_taskq.middleware.entries import Entry
from django_taskq.middleware.stack import Stacks
from django_taskq.options import read_middleware
from django_taskq.project import read_global_middleware


class Registry:
    """Keeps what builds the stacks of each alias, safe from any thread.

    A forked child starts empty, as after a change of the settings: what its parent has made may
    hold threads and connections that are of no use to it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Stacks] = {}
        self._hears = False

    def get(self, alias: str) -> Stacks:
        """Return what builds the stacks of an alias, made when it is first asked for."""
        known = self._known.get((os.getpid(), alias))
        if known is None:
            if not self._hears:
                self._hears = True
                setting_changed.connect(self._on_setting_changed)
            # Of two threads at once the first one's stays.
            known = self._known.setdefault((os.getpid(), alias), Stacks(_entries_of(alias)))
        return known

    def _on_setting_changed(self, *, setting: str, **kwargs: Any) -> None:
        if setting in ("TASKS", "TASKQ"):
            self._known = {}


registry = Registry()


def stacks_of(alias: str) -> Stacks:
    """Return what builds the stacks of an alias. Raise InvalidOptions where no list is given."""
    return registry.get(alias)


def find_problems(alias: str, *, is_global: bool = False) -> list[str]:
    """Return what is wrong with the middlewares of an alias, or with those of all aliases.

    Raise InvalidOptions where no list is given.
    """
    told = [entry.find_wrong() for entry in stacks_of(alias).shared if entry.is_global == is_global]
    return [wrong for wrong in told if wrong is not None]


def _entries_of(alias: str) -> list[Entry]:
    """Return the entries for all tasks of an alias, outermost first."""
    backend: Any = task_backends[alias]
    given = read_middleware(alias, backend.options)
    return [
        *(
            Entry(entry, f"TASKQ['MIDDLEWARE'][{number}]", is_global=True)
            for number, entry in enumerate(read_global_middleware())
        ),
        *(
            Entry(entry, f"OPTIONS['MIDDLEWARE'][{number}]", f"TASKS[{alias!r}]: ")
            for number, entry in enumerate(given)
        ),
    ]
