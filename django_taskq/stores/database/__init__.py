"""The durable store: jobs are rows of Django models, in any database that Django speaks to."""

from django_taskq.stores.database.paired import PairedRows
from django_taskq.stores.database.store import DatabaseStore

__all__ = ["DatabaseStore", "PairedRows"]
