"""Signals beside the three of django.tasks.

The sender is the backend class, as with Django's own. Receivers run after the write that they
report, and one that raises changes nothing.
"""

from django.dispatch import Signal

attempt_failed = Signal()
"""An attempt failed and the job runs again: `task_result`, `exception`, `duration`, `delay`."""

job_canceled = Signal()
"""A job became CANCELED: `task_result`, `duration` (None where it did not run)."""

late_result = Signal()
"""A result was refused, since the job had gone to another worker: `task_result`, `worker_id`."""

worker_started = Signal()
"""A worker has joined its store: `worker_id`, `alias`."""

worker_stopped = Signal()
"""A worker has left its store: `worker_id`, `alias`, `released` (jobs given back)."""
