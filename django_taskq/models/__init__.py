"""Rows of the durable stores: columns, constraints and indexes. No transitions."""

from django_taskq.models.attempt import Attempt
from django_taskq.models.dependency import Dependency
from django_taskq.models.job import Job
from django_taskq.models.limit import Limit
from django_taskq.models.queue import Queue
from django_taskq.models.rollup import FailureRollup, Rollup
from django_taskq.models.run import Run
from django_taskq.models.schedule import Backfill, Schedule, Tick
from django_taskq.models.serving import Serving
from django_taskq.models.tenant import Tenant
from django_taskq.models.worker import Worker
from django_taskq.models.xcom import XCom

__all__ = [
    "Attempt", "Backfill", "Dependency", "FailureRollup", "Job", "Limit", "Queue", "Rollup", "Run",
    "Schedule", "Serving", "Tenant", "Tick", "Worker", "XCom",
]  # fmt: skip
