"""The middlewares of each TASKS alias in this process."""

from django_taskq.middleware.stack import Stacks

_stacks: dict[str, Stacks] = {}


def stacks_of(alias: str) -> Stacks:
    """Return what builds the stacks of an alias: one for the process, made when first asked for."""
    known = _stacks.get(alias)
    if known is None:
        # Of two threads at once the first one's stays.
        known = _stacks.setdefault(alias, Stacks())
    return known
