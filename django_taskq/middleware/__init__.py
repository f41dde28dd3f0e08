"""What runs around each attempt of a job: a stack of context managers."""

from django_taskq.middleware.base import Middleware
from django_taskq.middleware.max_age import MaxAge
from django_taskq.middleware.max_rate import MaxRate

__all__ = ["MaxAge", "MaxRate", "Middleware"]
