"""The errors by which a store says that its server does not answer, or refuses."""

import sys

from django.db import Error as DatabaseError


def failures() -> tuple[type[Exception], ...]:
    """Return these errors; those of Redis where anybody has used it here."""
    module = sys.modules.get("redis.exceptions")
    return (DatabaseError,) if module is None else (DatabaseError, module.RedisError)
