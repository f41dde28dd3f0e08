"""What keeps workers from starting at all, looked for before any is started."""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

from django.tasks import task_backends

from django_taskq.worker.channel import Channel
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.supervision.birth import come_alive
from django_taskq.worker.supervision.child import start

TIMEOUT = 5.0


def find_obstacles(aliases: Sequence[str], method: str, verbosity: int) -> dict[str, str]:
    """Return the obstacles of these aliases in sentences; a store that does not answer has none.

    Looked for in a process of its own, so that this one holds no connection that a fork would
    copy, and none that hangs.
    """
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = start(context, look, (os.getpid(), verbosity, list(aliases), Channel(theirs)), "look")
    theirs.close()
    wait([process.sentinel], TIMEOUT)
    found = [message for message in Channel(ours).hear() if len(message) > 1]
    ours.close()
    process.kill()
    process.join()
    return dict(found)


def look(supervisor_pid: int, verbosity: int, aliases: Sequence[str], channel: Channel) -> None:
    """Tell the obstacle of each alias that has one; the body of the process."""
    come_alive(supervisor_pid, verbosity)
    for alias in aliases:
        backend: Any = task_backends[alias]
        obstacle = backend.store.find_obstacle()
        if obstacle is not None:
            channel.tell(alias, obstacle)
    drop_connections()
