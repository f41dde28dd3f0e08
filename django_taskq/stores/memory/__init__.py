"""The store of this process alone: jobs are plain objects, and nothing needs a database."""

from django_taskq.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
