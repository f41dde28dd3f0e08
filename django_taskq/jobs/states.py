"""The states of a job and every move between them."""

from enum import StrEnum


class State(StrEnum):
    """Where a job stands. Stored as its own name."""

    SCHEDULED = "SCHEDULED"
    DEFERRED = "DEFERRED"
    READY = "READY"
    RUNNING = "RUNNING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    SKIPPED = "SKIPPED"


class Failure(StrEnum):
    """Why a job ended badly, kept beside its state."""

    ERROR = "error"
    TIMEOUT = "timeout"
    EXPIRED = "expired"
    REJECTED = "rejected"
    LOST = "lost"
    UNLOADABLE = "unloadable"
    CANCELED = "canceled"
    DEPENDENCY = "dependency"


ENDED = frozenset({State.SUCCESSFUL, State.FAILED, State.CANCELED, State.SKIPPED})
WAITING = frozenset({State.SCHEDULED, State.DEFERRED, State.READY})
RETRYABLE = frozenset({State.FAILED, State.CANCELED, State.SKIPPED})

# DEFERRED moves once its dependencies have; a retried or released job keeps its attempts.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.READY, State.CANCELED}),
    State.DEFERRED: frozenset({State.READY, State.SCHEDULED, State.SKIPPED, State.CANCELED}),
    State.READY: frozenset({State.RUNNING, State.SCHEDULED, State.CANCELED}),
    State.RUNNING: frozenset(
        {State.READY, State.SCHEDULED, State.SUCCESSFUL, State.FAILED, State.CANCELED}
    ),
    State.SUCCESSFUL: frozenset(),
    State.FAILED: frozenset({State.READY}),
    State.CANCELED: frozenset({State.READY}),
    State.SKIPPED: frozenset({State.READY}),
}


def is_allowed(before: State, after: State) -> bool:
    """Tell whether a job may move from one state to the other."""
    return after in TRANSITIONS[before]
