"""Metrics and health over HTTP, for those who may look."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_taskq import health
from django_taskq.access import may_look
from django_taskq.control import our_aliases
from django_taskq.metrics.exposition import CONTENT_TYPE, render
from django_taskq.metrics.families import make_page
from django_taskq.metrics.readings import read
from django_taskq.project import read_monitoring

FORBIDDEN = (
    "Closed to the public: log in as staff, send one of the tokens of TASKQ['MONITORING'] as "
    "'Authorization: Bearer ...', or ask from one of its networks.\n"
)


@never_cache
@login_not_required
@transaction.non_atomic_requests
@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Show the metrics of all backends, or of those in `?backend=`; `?tenants=1` adds tenants."""
    monitoring = read_monitoring()
    if not may_look(request, monitoring):
        return _text(FORBIDDEN, 403)
    aliases = _wanted_aliases(request)
    if isinstance(aliases, HttpResponse):
        return aliases
    readings = read(aliases, monitoring.timeout)
    page = make_page(readings, has_tenants=request.GET.get("tenants") == "1")
    return HttpResponse(render(page.families), content_type=CONTENT_TYPE)


@never_cache
@login_not_required
@transaction.non_atomic_requests
@require_safe
def show_health(request: HttpRequest) -> HttpResponse:
    """Show the health of all backends, or of those in `?backend=`; with 503 where one is ill."""
    monitoring = read_monitoring()
    if not may_look(request, monitoring):
        return _text(FORBIDDEN, 403)
    aliases = _wanted_aliases(request)
    if isinstance(aliases, HttpResponse):
        return aliases
    found = health.examine(
        aliases,
        max_age=monitoring.max_age,
        max_stall=monitoring.max_stall,
        timeout=monitoring.timeout,
    )
    status = 200 if found.is_healthy else 503
    return JsonResponse(health.value_of(found), status=status, encoder=_Encoder)


class _Encoder(DjangoJSONEncoder):
    """Writes durations as seconds."""

    def default(self, value: Any) -> Any:
        """Return what JSON can carry."""
        return value.total_seconds() if isinstance(value, timedelta) else super().default(value)


def _wanted_aliases(request: HttpRequest) -> list[str] | HttpResponse:
    """Return the aliases that were asked for, or what to answer where one is not ours."""
    known = our_aliases()
    wanted = list(dict.fromkeys(request.GET.getlist("backend"))) or known
    for alias in wanted:
        if alias not in known:
            return _text(f"Expected a backend of {', '.join(known)}, got {alias!r}.\n", 404)
    return wanted


def _text(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
