"""The first steps of a process that a supervisor has started."""

import os
import signal
from collections.abc import Sequence

import django
from django.apps import apps

from django_taskq.worker.channel import Channel
from django_taskq.worker.connections import renew_sync_thread
from django_taskq.worker.logs import show_logs
from django_taskq.worker.orphans import die_with


def come_alive(supervisor_pid: int, verbosity: int, others: Sequence[Channel] = ()) -> None:
    """Make this process fit for its work; in a fork, let go of what belongs to the supervisor.

    `others` are the supervisor's ends of all channels: as long as any process holds one, nobody
    at its other end hears that the supervisor is gone.
    """
    for channel in others:
        channel.close()
    # Ctrl-C reaches every process of a terminal; the supervisor alone says what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    renew_sync_thread()
    # Under forkserver the parent is the server, which ends with the supervisor.
    if os.getppid() == supervisor_pid:
        die_with(supervisor_pid)
    if not apps.ready:
        django.setup()
    show_logs(verbosity)
