"""The tasks of a project by their import paths, for whoever has to choose one."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

from django.apps import apps
from django.tasks.base import Task as DjangoTask
from django.utils.module_loading import module_has_submodule

OWN = "django_taskq"
# Where projects keep their tasks, by custom; others are found once something has imported them.
TASKS = "tasks"


def find_task_paths() -> list[str]:
    """Return the import paths of the tasks that this process has loaded, or finds by custom."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, TASKS):
            # One module that cannot be imported must not hide the tasks of all others.
            with suppress(Exception):
                import_module(f"{config.name}.{TASKS}")
    return sorted(set(_loaded()))


def _loaded() -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == OWN:
            continue
        # What a module makes up in __getattr__ is not asked for.
        for value in list(getattr(module, "__dict__", {}).values()):
            if not isinstance(value, DjangoTask):
                continue
            func = value.func
            if func.__module__ == name and func.__name__ == func.__qualname__:
                yield value.module_path
