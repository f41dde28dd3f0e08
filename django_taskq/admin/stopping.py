"""Asking workers to stop, from their list or their own page."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from django_taskq import control
from django_taskq.admin.actions import acts
from django_taskq.admin.confirming import confirm_action, is_confirmed
from django_taskq.admin.entries import log_changes
from django_taskq.models import Worker

MOST = 1000
STOP_TOLD = (
    "{count} asked to stop: it takes no more, finishes what runs within its grace, gives the rest "
    "back and ends with exit status 0, and with it all workers of its runworker. Whether that is "
    "started again is up to systemd, the container or whoever started it."
)
ASKED = "Asked to stop."


class StopAction(admin.ModelAdmin):
    """The action of the list of workers, and of a worker's own page."""

    actions = ("stop",)

    @acts("stop", "Stop", "Ask the selected %(verbose_name_plural)s to stop")
    def stop(self, request: HttpRequest, queryset: QuerySet[Worker]) -> TemplateResponse | None:
        """Ask live workers to stop, once the reader has said so twice."""
        workers = list(queryset.order_by("backend", "pk")[:MOST])
        if not is_confirmed(request):
            count = "1 worker is" if len(workers) == 1 else f"Each of {len(workers)} workers is"
            names = [f"{worker.pk} of {worker.backend}" for worker in workers]
            told = STOP_TOLD.format(count=count)
            return confirm_action(self, request, "stop", "Ask to stop", told, names)
        asked = _ask(workers)
        log_changes(request, ((worker, ASKED) for worker in workers if worker.pk in asked))
        tell(request, len(asked), len(workers) - len(asked))
        return None

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may ask workers to stop."""
        return may_stop(request)


def may_stop(request: HttpRequest) -> bool:
    """Tell whether the reader may ask workers to stop."""
    return bool(request.user.has_perm("django_taskq.stop_worker"))


def tell(request: HttpRequest, asked: int, left: int) -> None:
    """Tell the reader how many workers were asked, and how many were not."""
    if asked:
        what = "worker was" if asked == 1 else "workers were"
        messages.success(
            request, f"{asked} {what} asked to stop; a heartbeat tells within some seconds."
        )
    if left:
        messages.warning(request, f"{left} left as before: not alive any more.")


def _ask(workers: Sequence[Any]) -> set[str]:
    asked: set[str] = set()
    for alias, some in groupby(workers, key=lambda worker: worker.backend):
        if alias in control.durable_aliases():
            asked.update(control.store_of(alias).ask_stop([worker.pk for worker in some]))
    return asked
