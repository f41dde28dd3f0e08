"""Packages that only some middlewares need."""

from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def import_extra(module: str, extra: str, wanted_by: str) -> Any:
    """Import a module of an optional package. Raise ImproperlyConfigured where it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{wanted_by} needs the package of {module.partition('.')[0]!r}, which "
            f"cannot be imported: {error}. Install django_taskq[{extra}], or take it "
            "out of the settings."
        ) from error
