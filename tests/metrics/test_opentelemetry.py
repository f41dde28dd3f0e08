"""Metrics as OpenTelemetry collects them, read by its SDK."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from django_taskq.control import store_of
from django_taskq.jobs.counts import BOUNDS
from django_taskq.metrics import opentelemetry
from django_taskq.metrics.families import Page
from django_taskq.middleware import OpenTelemetryMetrics
from tests.aliases import alias_fixture
from tests.app import tasks
from tests.deadlines import wait_until
from tests.middleware.standing import standing
from tests.running import POOLS, run_due
from tests.stores.jobs import insert_many

alias = alias_fixture()

type Points = dict[str, list[Any]]


class Collected:
    """What the SDK has of a provider's instruments."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])

    def points(self) -> Points:
        """Collect; return the points by the name of their instrument."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def collected() -> Iterator[Collected]:
    """A provider of the test's own."""
    made = Collected()
    yield made
    made.provider.shutdown()


def value(points: list[Any], **facts: str) -> float | None:
    """Return the value of the point that has these attributes."""
    found = [each.value for each in points if facts.items() <= dict(each.attributes).items()]
    return found[0] if found else None


def test_depths_and_counts_are_observed_as_on_the_page_for_prometheus(
    alias: str, collected: Collected
) -> None:
    tasks.nothing.using(backend=alias, queue_name="mail").enqueue()
    tasks.fail.using(backend=alias, queue_name="mail").enqueue()
    run_due(alias)
    opentelemetry.observe([alias], collected.provider)
    if alias not in POOLS:
        insert_many(store_of(alias), 3, queue="later")

    def counted() -> Points | None:
        points = collected.points()
        ended = [
            value(points.get("taskq.attempts", []), backend=alias, queue="mail", outcome=outcome)
            for outcome in ("successful", "failed")
        ]
        return points if ended == [1, 1] else None

    points = wait_until(counted, what="the attempts to be counted")
    assert value(points["taskq.backend_up"], backend=alias) == 1
    if alias not in POOLS:
        assert value(points["taskq.jobs"], backend=alias, queue="later", state="READY") == 3
        assert value(points["taskq.oldest_ready_age"], backend=alias, queue="later") is not None
        assert value(points["taskq.schedule_lateness"], backend=alias) == 0
    assert "taskq.tenant_jobs" not in points


def test_every_metric_but_histograms_is_observed_and_read_once_a_collection(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    read = opentelemetry.read

    def reading(aliases: Any, timeout: float) -> Any:
        asked.append(list(aliases))
        return read(aliases, timeout)

    monkeypatch.setattr(opentelemetry, "read", reading)
    monkeypatch.setattr(opentelemetry, "FRESH", 60.0)
    opentelemetry.observe(["threads"], collected.provider, has_tenants=True)
    wanted = {
        opentelemetry.name_of(family)
        for family in Page(has_tenants=True).families
        if family.kind != "histogram"
    }
    # Without jobs and schedules most have nothing to tell yet.
    assert set(collected.points()) <= wanted
    assert {"taskq.backend_up", "taskq.workers", "taskq.leases_lost"} <= set(collected.points())
    assert asked == [["threads"]]


def test_waits_and_runs_are_histograms_by_queue_task_and_outcome(collected: Collected) -> None:
    with standing("threads", OpenTelemetryMetrics(collected.provider)):
        tasks.nothing.using(backend="threads", queue_name="mail").enqueue()
        tasks.ask_again.using(backend="threads", queue_name="mail").enqueue(1)
        tasks.fail.using(backend="threads", queue_name="mail").enqueue()
        run_due("threads")

        def recorded() -> Points | None:
            points = collected.points()
            return (
                points
                if sum(p.count for p in points.get("taskq.attempt.duration", ())) == 4
                else None
            )

        points = wait_until(recorded, what="four attempts to be recorded")
    outcomes = {
        (point.attributes["taskq.task"].rpartition(".")[2], point.attributes["taskq.outcome"]): (
            point.count
        )
        for point in points["taskq.attempt.duration"]
    }
    assert outcomes == {
        ("nothing", "successful"): 1,
        ("ask_again", "retried"): 1,
        ("ask_again", "successful"): 1,
        ("fail", "failed"): 1,
    }
    waits = points["taskq.job.wait"]
    assert sum(point.count for point in waits) == 3
    assert {point.attributes["messaging.destination.name"] for point in waits} == {"mail"}
    assert tuple(waits[0].explicit_bounds) == BOUNDS
    assert not any("taskq.tenant" in point.attributes for point in waits)


def test_tenants_are_told_when_that_is_asked_for(collected: Collected) -> None:
    middleware = OpenTelemetryMetrics(collected.provider, has_tenants=True)
    with standing("threads", middleware):
        tasks.nothing.using(backend="threads", tenant="acme").enqueue()
        run_due("threads")
        points = wait_until(
            lambda: collected.points().get("taskq.attempt.duration"), what="the attempt"
        )
    assert [point.attributes["taskq.tenant"] for point in points] == ["acme"]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    for made in (OpenTelemetryMetrics, opentelemetry.observe):
        with pytest.raises(ImproperlyConfigured, match=r"Install django_taskq\[opentelemetry\]"):
            made()


def test_what_waits_is_exported_at_a_workers_end(collected: Collected) -> None:
    flushed: list[int] = []
    collected.provider.force_flush = flushed.append  # type: ignore[assignment,method-assign]
    OpenTelemetryMetrics(collected.provider).flush(1.5)
    assert flushed == [1500]
