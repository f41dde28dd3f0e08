"""Each address of the app in the admin, found in its URL patterns, asks few questions."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connections
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from django_taskq import models
from django_taskq.control import database_of, store_of
from django_taskq.jobs.rollups import Span
from tests.admin.pages import SignIn
from tests.admin.test_bulks import begin
from tests.app import tasks
from tests.running import run_due
from tests.stores.jobs import claim, failure, finish, insert_many

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MANY = 2000
MOST_QUERIES = 12
ROOT = "/admin/"
# What an address may answer to a reader of everything: nobody adds or deletes a job by a form.
ANSWERS = {200, 302, 403, 405}
# Addresses are found; fewer than these would mean that the search is lost.
LEAST_PAGES = 15

type Make = Callable[[int, str], dict[str, Any]]
# The columns of one row of each model that has no other way to come by rows.
MAKE: dict[str, Make] = {
    "Queue": lambda i, alias: {"name": f"queue{i}", "paused": not i % 9},
    "Tenant": lambda i, alias: {"name": f"tenant{i}", "weight": 1 + i % 5},
    "Worker": lambda i, alias: {
        "worker_id": f"host{i}:{i}:w", "backend": alias, "name": f"host{i}:{i}", "host": f"host{i}",
        "pid": i, "started_at": timezone.now(), "beat_at": timezone.now(),
        "expires_at": timezone.now() + timedelta(seconds=30 if i % 2 else -30),
    },
    "Schedule": lambda i, alias: {
        "name": f"schedule{i}", "expression": f"{i % 60} * * * *", "backend": alias,
        "task": "tests.app.tasks.echo", "next_at": timezone.now() + timedelta(hours=1),
    },
    "Epoch": lambda i, alias: {"backend": f"{alias}{i}", "number": i},
    "Tick": lambda i, alias: {
        "due_at": timezone.now() - timedelta(minutes=i), "decision": "fired", "job_id": uuid4(),
        "decided_at": timezone.now(),
    },
    "Backfill": lambda i, alias: {
        "from_at": timezone.now(), "until_at": timezone.now(), "created_at": timezone.now(),
    },
    "Rollup": lambda i, alias: {
        "backend": alias, "queue": f"queue{i % 5}", "span": Span.MINUTE,
        "start": _minute() - Span.MINUTE * (i // 5), "successful": i,
    },
    "FailureRollup": lambda i, alias: {
        "backend": alias, "task": f"tests.app.tasks.task{i % 50}", "span": Span.MINUTE,
        "start": _minute() - Span.MINUTE * (i // 50), "failed": i,
    },
    "Serving": lambda i, alias: {
        "backend": alias, "start": _minute(), "tenant": f"tenant{i}", "attempts": i,
    },
    "Limit": lambda i, alias: {"backend": alias, "key": f"task:{i}"},
    "XCom": lambda i, alias: {
        "backend": alias, "namespace": "default", "key": f"key{i}", "value": "[1]",
        "pushed_at": timezone.now(),
    },
}  # fmt: skip
# These come with jobs, which the store makes.
WITH_JOBS = {"Job", "Attempt", "Dependency", "Run"}


def _minute() -> int:
    return int(timezone.now().timestamp()) // Span.MINUTE * Span.MINUTE


@pytest.fixture(params=["default", "postgresql"])
def alias(request: pytest.FixtureRequest) -> str:
    """The kinds of databases on which pages must be fast."""
    return request.param


@pytest.fixture
def keys(alias: str) -> dict[type[Model], str]:
    """Fill every table; return the key of a row of each model in the address of its page."""
    (tasks.echo.s(1) >> tasks.fail >> tasks.echo).enqueue(backend=alias)
    run_due(alias)
    store = store_of(alias)
    insert_many(store, MANY, queue="queue1", tenant="tenant1")
    finish(store, *map(failure, claim(store, MANY // 2)))
    for model in apps.get_app_config("django_taskq").get_models():
        if model.__name__ not in WITH_JOBS:
            _fill(model, alias)
    job = models.Job.objects.using(database_of(alias)).exclude(run_id=None).latest("seq")
    found = {model: _first(model, alias) for model in admin.site._registry}
    return found | {models.Job: str(job.public_id), models.Run: str(job.run_id)}


def _fill(model: type[Model], alias: str) -> None:
    """Store many rows; the rows of a schedule are all of the first one."""
    rows = model._default_manager.using(database_of(alias))
    made = [MAKE[model.__name__](number, alias) for number in range(MANY)]
    if any(field.name == "schedule" for field in model._meta.get_fields()):
        first = models.Schedule.objects.using(database_of(alias)).earliest("pk")
        made = [{**columns, "schedule": first} for columns in made]
    rows.bulk_create([model(**columns) for columns in made], batch_size=500)


def _first(model: type[Model], alias: str) -> str:
    row = model._default_manager.using(database_of(alias)).order_by("pk").first()
    return str(quote(row.pk)) if row is not None else ""


def addresses(
    patterns: Any, keys: dict[type[Model], str], bulk: str, root: str = ROOT
) -> Iterator[str]:
    """Return an address for each pattern of the app's pages in the admin."""
    for found in patterns:
        if isinstance(found, URLResolver):
            yield from addresses(found.url_patterns, keys, bulk, f"{root}{found.pattern}")
            continue
        assert isinstance(found, URLPattern)
        address = f"{root}{found.pattern}"
        if not address.startswith(f"{ROOT}django_taskq/"):
            continue
        model = next(m for m in keys if f"/{m._meta.model_name}/" in address)
        address = re.sub(r"<\w+:\w+_id>", keys[model], address)
        address = address.replace("bulk/<str:key>", f"bulk/{bulk}")
        assert "<" not in address, f"{address}: say here what stands for its parameters."
        yield address


def test_every_address_asks_at_most_twelve_questions(
    sign_in: SignIn, alias: str, keys: dict[type[Model], str]
) -> None:
    client = sign_in("*")
    database = f"database={database_of(alias)}&backend={alias}"
    bulk = begin(client, "retry_jobs", database).rstrip("/").rpartition("/")[2]
    asked = {}
    for address in addresses(admin.site.get_urls(), keys, bulk):
        status, queries = visit(client, f"{address}?{database}")
        assert status in ANSWERS, f"{address}: {status}"
        if status == 200:
            asked[address] = queries
    assert len(asked) >= LEAST_PAGES, sorted(asked)
    assert {url: len(told) for url, told in asked.items() if len(told) > MOST_QUERIES} == {}


def visit(client: Client, address: str) -> tuple[int, list[str]]:
    """Return the status of a page and what it asked of all databases."""
    with ExitStack() as stack:
        captures = [
            stack.enter_context(CaptureQueriesContext(connections[name])) for name in connections
        ]
        status = client.get(address).status_code
    return status, [query["sql"] for capture in captures for query in capture.captured_queries]


def test_every_model_is_filled() -> None:
    ours = {model.__name__ for model in apps.get_app_config("django_taskq").get_models()}
    assert ours == MAKE.keys() | WITH_JOBS
