"""What a TASKS entry of Redis is refused for, warned of, and opened with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage
from django.tasks import task_backends
from django.tasks.checks import check_tasks
from django.test import override_settings

from django_taskq.backends.redis_client import client_of, quick_client_of
from django_taskq.exceptions import InvalidOptions, InvalidPipeline
from django_taskq.stores.durable import DurableStore
from django_taskq.stores.redis import RedisStore
from tests.app import tasks
from tests.stores.places import redis_client

REDIS = "django_taskq.backends.RedisBackend"


@contextmanager
def entry(**options: Any) -> Iterator[None]:
    """Have one alias whose jobs are in Redis."""
    with override_settings(TASKS={"work": {"BACKEND": REDIS, "OPTIONS": options}}):
        yield


def checked(**options: Any) -> list[CheckMessage]:
    """Return what the checks say of such an entry."""
    with entry(**{"CACHE": "jobs", "DURABLE": False, **options}):
        return list(check_tasks())


def ids_of(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.fixture
def server() -> Iterator[Any]:
    """The Redis of the tests, whose configuration may be changed for a test."""
    client = redis_client()
    names = ("save", "maxmemory-policy")
    before = {name: client.config_get(name)[name] for name in names}
    yield client
    for name, value in before.items():
        client.config_set(name, value)


@pytest.mark.parametrize(
    "enqueue",
    [
        lambda: tasks.echo.using(backend="work", depends_on=["first"]).enqueue(1),
        lambda: (tasks.echo.s(1) >> tasks.echo.s()).enqueue(backend="work"),
        lambda: (tasks.echo.s([1]) >> tasks.echo.map()).enqueue(backend="work"),
        lambda: (tasks.echo.s(1) | tasks.echo.s(2)).enqueue(backend="work"),
    ],
)
def test_nothing_waits_for_another_job_and_the_option_is_named(enqueue: Any) -> None:
    told = r"TASKS\['work'\] has OPTIONS\['DURABLE'\] set to False"
    with entry(CACHE="jobs", DURABLE=False), pytest.raises(InvalidPipeline, match=told):
        enqueue()


@pytest.mark.parametrize("options", [{}, {"DURABLE": True}])
def test_jobs_are_rows_unless_it_is_said_that_they_are_not(options: Any) -> None:
    with entry(CACHE="jobs", **options):
        assert list(check_tasks()) == []
        store = task_backends["work"].store
        assert isinstance(store, DurableStore)
        assert (store.has_rows, store.is_transactional, store.has_edges) == (True, True, True)
    with entry(CACHE="jobs", DURABLE=False):
        assert isinstance(task_backends["work"].store, RedisStore)


def test_who_enqueues_waits_for_no_answer_for_long() -> None:
    patient = client_of("jobs").connection_pool.connection_kwargs
    quick = quick_client_of("jobs").connection_pool.connection_kwargs
    for name in ("socket_timeout", "socket_connect_timeout"):
        assert quick[name] <= 1.0 < patient[name]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CACHE", ""), ("CACHE", None), ("CACHE", 5), ("PREFIX", ""), ("PREFIX", "a{b"),
        ("PREFIX", 5), ("DURABLE", None), ("DURABLE", 0), ("DURABLE", "no"), ("MAX_WORKERS", 5),
    ],
)  # fmt: skip
def test_a_bad_option_is_an_error_that_names_it(key: str, value: Any) -> None:
    (message,) = checked(**{key: value})
    assert message.id == "django_taskq.E001"
    assert repr(key) in message.msg
    with entry(**{"CACHE": "jobs", "DURABLE": False, key: value}), pytest.raises(InvalidOptions):
        task_backends["work"].settings  # noqa: B018


def test_good_options_are_taken() -> None:
    assert checked(PREFIX="shop", LEASE=5, POLL_INTERVAL=0.5, RETENTION={"failed": 1}) == []


@pytest.mark.parametrize(
    ("cache", "told"),
    [
        ("nowhere", "which CACHES has not"),
        ("default", "django_redis.cache.RedisCache, got 'django.core.cache.backends."),
        ("text", "decode_responses"),
    ],
)
def test_a_cache_that_cannot_hold_jobs_is_an_error(cache: str, told: str) -> None:
    # django-redis keeps one pool for each address.
    other = settings.CACHES["jobs"]["LOCATION"].rpartition("/")[0] + "/15"
    text = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": other,
        "OPTIONS": {"CONNECTION_POOL_KWARGS": {"decode_responses": True}},
    }
    with override_settings(CACHES={**settings.CACHES, "text": text}):
        (message, *_) = checked(CACHE=cache)
    assert message.id == "django_taskq.E020"
    assert told in message.msg


@pytest.mark.parametrize(
    ("location", "options", "is_shared"),
    [
        ("{}", {}, True),
        ("{}", {"OPTIONS": {"DB": 0}}, True),
        ("{}", {"OPTIONS": {"DB": 1}}, False),
        ("{}/0", {}, True),
        ("{}/1", {}, False),
        (["redis://elsewhere:1/0", "{}/0"], {}, True),
        ("redis://elsewhere:6379/0", {}, False),
    ],
)
def test_a_cache_in_the_same_redis_database_is_warned_of(
    location: Any, options: Any, is_shared: bool
) -> None:
    server = settings.CACHES["jobs"]["LOCATION"].rpartition("/")[0]
    places = location if isinstance(location, list) else [location]
    other = {**settings.CACHES["jobs"], **options, "LOCATION": [p.format(server) for p in places]}
    with override_settings(CACHES={**settings.CACHES, "pages": other}):
        messages = checked()
    assert ids_of(messages) == (["django_taskq.W020"] if is_shared else [])
    assert all("CACHES['pages']" in message.msg and message.hint for message in messages)


def test_a_redis_that_evicts_is_warned_of(server: Any) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    (message,) = checked()
    assert (message.id, "allkeys-lru" in message.msg) == ("django_taskq.W021", True)
    assert "jobs are keys" in message.msg
    (durable,) = checked(DURABLE=True)
    assert (durable.id, "starts late" in durable.msg) == ("django_taskq.W021", True)


def test_a_redis_that_writes_nothing_to_disk_is_warned_of(server: Any) -> None:
    server.config_set("save", "")
    (message,) = checked()
    assert (message.id, "appendonly" in str(message.hint)) == ("django_taskq.W022", True)
    assert checked(DURABLE=True) == []


def test_a_redis_that_does_not_answer_is_not_judged() -> None:
    gone = {**settings.CACHES["jobs"], "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={**settings.CACHES, "jobs": gone}):
        assert checked() == []
