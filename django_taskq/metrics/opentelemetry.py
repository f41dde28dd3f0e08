"""The metrics of the backends as observable instruments of OpenTelemetry."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

from django_taskq.control import our_aliases
from django_taskq.metrics.exposition import Family
from django_taskq.metrics.families import Page, make_page
from django_taskq.metrics.readings import read
from django_taskq.middleware.extras import import_extra

NAME = "django_taskq"
# Seconds for which one reading serves: all instruments are asked at once.
FRESH = 1.0

_UNITS = {"seconds": "s"}


def observe(
    aliases: Sequence[str] | None = None,
    meter_provider: Any = None,
    *,
    has_tenants: bool = False,
    timeout: float = 5.0,
) -> None:
    """Have OpenTelemetry read the metrics of these backends, or of all that are ours.

    Call it in one process, such as the one that `manage.py runworker --scheduler-only` is, after
    the meter provider is set or before: all processes would tell the same numbers. `timeout` are
    the seconds that a store may take to answer. Histograms are not among them, since no instrument
    of OpenTelemetry takes one that is ready made: those come from the middleware
    OpenTelemetryMetrics. Raise ImproperlyConfigured where opentelemetry-api is not installed.
    """
    metrics = import_extra("opentelemetry.metrics", "opentelemetry", "observe()")
    meter = metrics.get_meter(NAME, meter_provider=meter_provider)
    pages = _Pages(aliases, timeout, has_tenants=has_tenants)
    for family in Page(has_tenants=has_tenants).families:
        if family.kind == "histogram":
            continue
        create = (
            meter.create_observable_counter
            if family.kind == "counter"
            else meter.create_observable_gauge
        )
        create(
            name_of(family),
            callbacks=[_callback(pages, family.name, metrics.Observation)],
            unit=_UNITS.get(family.name.rpartition("_")[2], "1"),
            description=family.help,
        )


def name_of(family: Family) -> str:
    """Return the name of a metric as OpenTelemetry writes names: dots, and neither unit nor total.

    An exporter to Prometheus puts these back.
    """
    plain = family.name.removeprefix("taskq_").removesuffix("_total").removesuffix("_seconds")
    return f"taskq.{plain}"


class _Pages:
    """Reads the metrics anew, once for all instruments of a collection."""

    def __init__(self, aliases: Sequence[str] | None, timeout: float, *, has_tenants: bool) -> None:
        self._aliases = aliases
        self._timeout = timeout
        self._has_tenants = has_tenants
        self._lock = threading.Lock()
        self._page: Page | None = None
        self._read_at = 0.0

    def family(self, name: str) -> Family:
        with self._lock:
            if self._page is None or monotonic() - self._read_at > FRESH:
                aliases = our_aliases() if self._aliases is None else self._aliases
                self._page = make_page(read(aliases, self._timeout), has_tenants=self._has_tenants)
                self._read_at = monotonic()
            return next(family for family in self._page.families if family.name == name)


def _callback(
    pages: _Pages, name: str, observation: Callable[..., Any]
) -> Callable[[Any], Iterable[Any]]:
    def observations(options: Any) -> Iterator[Any]:
        for sample in pages.family(name).samples:
            yield observation(sample.value, dict(sample.labels))

    return observations
