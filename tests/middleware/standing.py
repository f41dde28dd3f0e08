"""Having middlewares of a test stand around the jobs of an alias."""

from collections.abc import Iterator
from contextlib import contextmanager

from django_taskq.middleware import MaxTries, Middleware
from tests.aliases import with_options


@contextmanager
def standing(alias: str, *layers: Middleware) -> Iterator[None]:
    """Have middlewares around the jobs of an alias, outermost first, in its children too."""
    # A spawned child would not have these instances.
    forking = {"START_METHOD": "fork"} if alias == "processes" else {}
    with with_options(alias, MIDDLEWARE=[MaxTries, *layers], **forking):
        yield
