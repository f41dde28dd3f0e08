"""The store whose jobs are rows, and are handed out by Redis."""

from django_taskq.stores.durable.store import DurableStore

__all__ = ["DurableStore"]
