"""What runs around each attempt of a job: a stack of context managers."""

from django_taskq.middleware.base import Middleware
from django_taskq.middleware.max_age import MaxAge
from django_taskq.middleware.max_rate import MaxRate
from django_taskq.middleware.max_tries import FailedTry, MaxTries
from django_taskq.middleware.opentelemetry import OpenTelemetry
from django_taskq.middleware.opentelemetry_metrics import OpenTelemetryMetrics
from django_taskq.middleware.sentry import Sentry

__all__ = [
    "FailedTry",
    "MaxAge",
    "MaxRate",
    "MaxTries",
    "Middleware",
    "OpenTelemetry",
    "OpenTelemetryMetrics",
    "Sentry",
]
