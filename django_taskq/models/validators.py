"""Forms' and admins' view of what the rest of the package checks in its own words."""

from django.core.exceptions import ValidationError

from django_taskq.jobs.limits import check_max_running
from django_taskq.jobs.rate import check_rate


def validate_rate(value: object) -> None:
    """Raise ValidationError for text that is no rate."""
    _raise(check_rate(value))


def validate_max_running(value: object) -> None:
    """Raise ValidationError for a number that is no cap."""
    _raise(check_max_running(value))


def validate_name(value: str) -> None:
    """Raise ValidationError for a name that no job can carry."""
    _raise(None if value.isprintable() else f"expected printable characters only, got {value!r}")


def _raise(wrong: str | None) -> None:
    if wrong is not None:
        raise ValidationError(f"{wrong[0].upper()}{wrong[1:]}.")
