"""The imports of this process's threads, which a fork must not come in the middle of.

A module that is being imported is locked. A fork copies the lock and not the thread that holds it:
the child that needs the module would wait for ever.
"""

import importlib
from threading import Event, get_ident
from time import monotonic

LOOK_EVERY = 0.005
# An import that does not end by then may itself wait for what a child is to do.
LONGEST_IMPORT = 5.0


def let_imports_end(patience: float = LONGEST_IMPORT) -> None:
    """Return once no other thread is importing, or after so many seconds."""
    deadline, pause = monotonic() + patience, Event()
    while imported_elsewhere() and monotonic() < deadline:
        pause.wait(LOOK_EVERY)


def imported_elsewhere() -> set[str]:
    """Return the names of the modules that other threads are importing."""
    # Python has no public word for it; where the locks are not found, forks wait for nobody.
    locks = getattr(importlib._bootstrap, "_module_locks", {})
    owners = {name: getattr(reference(), "owner", None) for name, reference in list(locks.items())}
    return {name for name, owner in owners.items() if owner not in {None, get_ident()}}
