"""Testing what enqueues, and the jobs: without a worker, in the thread of the test."""

from django_taskq.testing.expectations import (
    assert_enqueued,
    assert_not_enqueued,
    enqueued,
    results,
)
from django_taskq.testing.fixture import Taskq
from django_taskq.testing.inline import inline
from django_taskq.testing.pools import held
from django_taskq.testing.runs import arun_jobs, run_jobs
from django_taskq.testing.time import FrozenTime, frozen, process_clock

__all__ = [
    "FrozenTime",
    "Taskq",
    "arun_jobs",
    "assert_enqueued",
    "assert_not_enqueued",
    "enqueued",
    "frozen",
    "held",
    "inline",
    "process_clock",
    "results",
    "run_jobs",
]
