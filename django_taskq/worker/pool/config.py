"""What a child has to know of its parent, as plain JSON."""

import os
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections

from django_taskq.jobs import payload
from django_taskq.loading import loaded_modules


class ChildConfig(NamedTuple):
    """The pool a child belongs to, and what of the settings may have changed since the start.

    `tasks` is TASKS as JSON, None where it holds what JSON has no form for: then a child reads
    it from the settings module. `databases` has the name of each, which is another one in tests.
    `modules` are those whose tasks the parent has loaded. `is_burst` says that no other worker is
    to come for what cannot be imported.
    """

    alias: str
    tasks: str | None
    databases: dict[str, str]
    modules: list[str]
    is_burst: bool = False


def read_config(alias: str, *, is_burst: bool = False) -> ChildConfig:
    """Return what the children of a pool have to know now."""
    names = {key: entry.get("NAME") for key, entry in connections.settings.items()}
    databases = {key: os.fspath(name) for key, name in names.items() if name}
    return ChildConfig(alias, _tasks(), databases, loaded_modules(), is_burst)


def apply_config(config: ChildConfig) -> None:
    """Give this process the settings of its parent, where they differ.

    Aliases that the parent has no more stay: modules of tasks that name them must be imported
    here, as they were there before.
    """
    if config.tasks is not None and config.tasks != _tasks():
        tasks: Any = {**settings.TASKS, **payload.decode(config.tasks)}
        settings.TASKS = tasks
        # Django itself, and the registry, drop what they have made from the old ones.
        setting_changed.send(sender=type(settings), setting="TASKS", value=tasks, enter=True)
    for alias, name in config.databases.items():
        if alias in connections.settings:
            connections.settings[alias]["NAME"] = name


def has_settings_module() -> bool:
    """Tell whether a new process can find the settings by itself."""
    return bool(os.environ.get("DJANGO_SETTINGS_MODULE"))


def _tasks() -> str | None:
    try:
        return payload.encode(settings.TASKS, "TASKS")
    except (TypeError, ValueError):
        return None
