"""Entries in the admin's log for what an action did to many rows."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest

from django_taskq.admin.actions import BATCH
from django_taskq.models import Run


def log_run(request: HttpRequest, run_id: str, message: str) -> None:
    """Write an entry for a run, which has no row of its own."""
    user_id: Any = request.user.pk
    kind = ContentType.objects.get_for_model(Run, for_concrete_model=False)
    LogEntry.objects.create(
        user_id=user_id, content_type_id=kind.pk, object_id=run_id, object_repr=f"run {run_id}",
        action_flag=CHANGE, change_message=message,
    )  # fmt: skip


def log_changes(request: HttpRequest, changed: Iterable[tuple[Any, str]]) -> None:
    """Write an entry for each row, with what was done to it."""
    user_id: Any = request.user.pk
    LogEntry.objects.bulk_create(
        (
            LogEntry(
                user_id=user_id,
                content_type_id=ContentType.objects.get_for_model(row).pk,
                object_id=str(row.pk),
                object_repr=str(row)[:200],
                action_flag=CHANGE,
                change_message=message,
            )
            for row, message in changed
        ),
        batch_size=BATCH,
    )
