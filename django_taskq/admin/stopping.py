"""Asking workers to stop, from their list or their own page."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_taskq import control
from django_taskq.admin.actions import acts
from django_taskq.admin.confirming import confirm_action, is_confirmed
from django_taskq.admin.entries import log_changes
from django_taskq.models import Worker

MOST = 1000
ASKED = "Asked to stop."


class StopAction(admin.ModelAdmin):
    """The action of the list of workers, and of a worker's own page."""

    actions = ("stop",)

    @acts("stop", _("Stop"), _("Ask the selected %(verbose_name_plural)s to stop"))
    def stop(self, request: HttpRequest, queryset: QuerySet[Worker]) -> TemplateResponse | None:
        """Ask live workers to stop, once the reader has said so twice."""
        workers = list(queryset.order_by("backend", "pk")[:MOST])
        if not is_confirmed(request):
            of = gettext("%(part)s of %(alias)s")
            names = [of % {"part": worker.pk, "alias": worker.backend} for worker in workers]
            told = stop_told(len(workers))
            return confirm_action(self, request, "stop", _("Ask to stop"), told, names)
        asked = _ask(workers)
        log_changes(request, ((worker, ASKED) for worker in workers if worker.pk in asked))
        tell(request, len(asked), len(workers) - len(asked))
        return None

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may ask workers to stop."""
        return may_stop(request)


def stop_told(count: int) -> str:
    """Return what becomes of so many workers."""
    return ngettext(
        "%(count)d worker is asked to stop: it takes no more, finishes what runs within its grace, "
        "gives the rest back and ends with exit status 0, and with it all workers of its "
        "runworker. Whether that is started again is up to systemd, the container or whoever "
        "started it.",
        "Each of %(count)d workers is asked to stop: it takes no more, finishes what runs within "
        "its grace, gives the rest back and ends with exit status 0, and with it all workers of "
        "its runworker. Whether that is started again is up to systemd, the container or whoever "
        "started it.",
        count,
    ) % {"count": count}


def may_stop(request: HttpRequest) -> bool:
    """Tell whether the reader may ask workers to stop."""
    return bool(request.user.has_perm("django_taskq.stop_worker"))


def tell(request: HttpRequest, asked: int, left: int) -> None:
    """Tell the reader how many workers were asked, and how many were not."""
    if asked:
        told = ngettext(
            "%(count)d worker was asked to stop; a heartbeat tells within some seconds.",
            "%(count)d workers were asked to stop; a heartbeat tells within some seconds.",
            asked,
        )
        messages.success(request, told % {"count": asked})
    if left:
        told = ngettext(
            "%(count)d left as before: not alive any more.",
            "%(count)d left as before: not alive any more.",
            left,
        )
        messages.warning(request, told % {"count": left})


def _ask(workers: Sequence[Any]) -> set[str]:
    asked: set[str] = set()
    for alias, some in groupby(workers, key=lambda worker: worker.backend):
        if alias in control.durable_aliases():
            asked.update(control.store_of(alias).ask_stop([worker.pk for worker in some]))
    return asked
