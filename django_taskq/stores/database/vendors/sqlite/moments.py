"""Times and ids as SQLite holds them: text, the times without a zone."""

from datetime import UTC, datetime, tzinfo
from typing import overload

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone


def zone_of(connection: BaseDatabaseWrapper) -> tzinfo:
    """Return the zone in which the times of a database are written."""
    return connection.timezone or timezone.get_default_timezone()


@overload
def text_of(moment: datetime, zone: tzinfo) -> str: ...
@overload
def text_of(moment: datetime | None, zone: tzinfo) -> str | None: ...
def text_of(moment: datetime | None, zone: tzinfo) -> str | None:
    """Return a moment the way Django writes it."""
    if moment is None:
        return None
    if zone is not UTC or moment.tzinfo is not UTC:
        moment = moment.astimezone(zone)
    return str(moment.replace(tzinfo=None))


@overload
def moment_of(text: str | datetime, zone: tzinfo) -> datetime: ...
@overload
def moment_of(text: str | datetime | None, zone: tzinfo) -> datetime | None: ...
def moment_of(text: str | datetime | None, zone: tzinfo) -> datetime | None:
    """Return the moment that a text stands for; Django's converters may have read it already."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text) if isinstance(text, str) else text
    return moment.replace(tzinfo=zone)


def id_of(digits: str) -> str:
    """Return a public id in its canonical form."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
