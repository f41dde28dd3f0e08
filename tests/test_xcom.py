"""XCom: what jobs hand to one another, on every backend."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.tasks import TaskResult, TaskResultStatus

import django_taskq
from django_taskq import XComDoesNotExist, task, xcom, xcom_task
from django_taskq.control import database_of
from django_taskq.exceptions import InvalidTaskOption, XComTooLarge
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.options import Options
from django_taskq.pulls import pushes_of
from django_taskq.stores.memory import MemoryStore
from django_taskq.testing import frozen
from django_taskq.worker.calls import Calls
from django_taskq.worker.run import Ended
from django_taskq.worker.writer import Recorder
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture, every_durable, with_options
from tests.app import xcom_tasks
from tests.handing import handing_out
from tests.running import run_to_end
from tests.stores.jobs import WORKER, claim_one, insert, join

alias = alias_fixture(ON_REDIS, ON_BOTH)


def run(alias: str, task: Any, *args: Any, **kwargs: Any) -> TaskResult:
    """Run a job to its end."""
    options = kwargs.pop("options", {})
    return run_to_end(alias, task.using(backend=alias, **options).enqueue(*args, **kwargs))


def returned(alias: str, task: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a job and return what it returned."""
    result = run(alias, task, *args, **kwargs)
    assert result.status is TaskResultStatus.SUCCESSFUL, result.errors
    return result.return_value


# Outside of a job.


def test_values_are_pushed_and_pulled_outside_of_a_job(alias: str) -> None:
    xcom.push("a", {"n": [1, None, "é"]}, backend=alias)
    xcom.push("b", 2, namespace="report", tenant="acme", backend=alias)
    assert xcom.pull("a", backend=alias) == {"n": [1, None, "é"]}
    assert xcom.pull_all(backend=alias) == {"a": {"n": [1, None, "é"]}}
    assert xcom.pull_many(["a", "c"], 0, backend=alias) == {"a": {"n": [1, None, "é"]}, "c": 0}
    with django_taskq.tenant("acme"):
        assert xcom.pull("b", namespace="report", backend=alias) == 2
        assert xcom.namespaces(backend=alias) == ["report"]
        assert xcom.pull("a", None, backend=alias) is None
    assert xcom.delete("a", backend=alias)
    assert not xcom.delete("a", backend=alias)
    assert xcom.clear("report", tenant="acme", backend=alias) == 1
    assert xcom.keys("report", tenant="acme", backend=alias) == []


def test_a_missing_value_is_a_key_error_that_says_where_it_was_looked_for(alias: str) -> None:
    with pytest.raises(KeyError) as caught:
        xcom.pull("k", namespace="report", tenant="acme", task_id="extract", backend=alias)
    assert isinstance(caught.value, XComDoesNotExist)
    assert str(caught.value).startswith(
        "There is no XCom value 'k' pushed by 'extract' in the namespace 'report' of the tenant "
        "'acme': it was not pushed,"
    )


def test_a_value_that_is_too_large_is_refused_with_both_sizes(alias: str) -> None:
    with with_options(alias, XCOM_MAX_BYTES=10):
        xcom.push("k", "x" * 8, backend=alias)
        with pytest.raises(XComTooLarge, match=r"at most 10 bytes as JSON, got 11\..*XCOM_MAX_"):
            xcom.push("k", "x" * 9, backend=alias)
        assert xcom.pull("k", backend=alias) == "x" * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"key": ""}, "key: expected a key, got ''"),
        ({"key": "k" * 201}, "key: expected text of at most 200 characters"),
        ({"key": 5}, "key: expected text"),
        ({"namespace": ""}, "namespace: expected a name, got ''"),
        ({"namespace": "a\nb"}, "namespace: expected printable characters only"),
        ({"tenant": "t" * 129}, "tenant: expected text of at most 128"),
        ({"ttl": -1}, "ttl: expected seconds"),
        ({"ttl": True}, "ttl: expected seconds"),
        ({"ttl": float("inf")}, "ttl: expected seconds"),
        ({"value": float("nan")}, "Expected a finite number at the XCom value 'k'"),
    ],
)
def test_names_and_lives_that_cannot_be_used_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        xcom.push(**{"key": "k", "value": 1, "backend": "threads", **given})
    assert told in str(caught.value)


def test_a_value_lives_as_long_as_it_is_told(alias: str) -> None:
    with frozen() as time, with_options(alias, XCOM_TTL=timedelta(minutes=1)):
        xcom.push("minute", 1, backend=alias)
        xcom.push("hour", 1, timedelta(hours=1), backend=alias)
        xcom.push("for ever", 1, 0, backend=alias)
        time.move(60)
        assert xcom.keys(backend=alias) == ["for ever", "hour"]
        time.move(3600)
        assert xcom.pull_all(backend=alias) == {"for ever": 1}


# In jobs.


@pytest.mark.parametrize("way", ["", "a"], ids=["sync", "async"])
def test_a_job_pushes_and_another_one_pulls(alias: str, way: str) -> None:
    push, pull = (getattr(xcom_tasks, f"{way}{name}") for name in ("push", "pull"))
    of_acme = {"tenant": "acme"}
    run(alias, push, "k", "value", options=of_acme)
    assert returned(alias, pull, "k", options=of_acme) == ["value", 1]
    assert xcom.pull("k", tenant="acme", backend=alias) == ["value", 1]
    assert returned(alias, pull, "k", "none") == "none"
    assert returned(alias, pull, "k", task_id=f"{way}push", options=of_acme) == ["value", 1]
    failed = run(alias, pull, "k", task_id="other", options=of_acme)
    assert failed.errors[0].exception_class is XComDoesNotExist


def test_a_job_looks_around_and_clears_up(alias: str) -> None:
    xcom.push("a", 1, backend=alias)
    assert returned(alias, xcom_tasks.look) == [
        ["a"], ["default", "mine"], {"a": 1}, {"a": 1, "b": None}, True, False, 1, [],
    ]  # fmt: skip


def test_a_retry_starts_clean(alias: str) -> None:
    options = {"max_tries": 3, "backoff": 0}
    run(alias, xcom_tasks.push, "k", "value", 3, options=options)
    assert xcom.pull("k", backend=alias) == ["value", 3]
    run(alias, xcom_tasks.push, "only", "value", fail_until=2, namespace="x", options=options)
    assert xcom.pull("only", namespace="x", backend=alias) == ["value", 2]


@pytest.mark.parametrize("way", ["", "a"], ids=["sync", "async"])
def test_a_return_value_is_pushed_and_fills_a_parameter(alias: str, way: str) -> None:
    extract, load = (getattr(xcom_tasks, f"{way}{name}") for name in ("extract", "load"))
    assert returned(alias, extract, [1, 2]) == [1, 2]
    assert returned(alias, load, "first") == ["first", [1, 2], 10]
    assert returned(alias, load, "first", limit=3) == ["first", [1, 2], 3]
    assert returned(alias, load, "first", "given") == ["first", "given", 10]
    xcom.push("limit", None, backend=alias)
    assert returned(alias, load, "first") == ["first", [1, 2], None]


def test_a_parameter_without_a_value_fails_the_try_and_says_which(alias: str) -> None:
    result = run(alias, xcom_tasks.load, "first")
    assert result.status is TaskResultStatus.FAILED
    assert "XComDoesNotExist: Expected XCom values for parameters of load, got none for rows" in (
        result.errors[0].traceback
    )


def test_options_of_one_job_say_where_and_for_how_long(alias: str) -> None:
    options = {"push_key": "other", "xcom_namespace": "report", "xcom_ttl": timedelta(minutes=1)}
    with frozen() as time:
        returned(alias, xcom_tasks.extract, 5, options=options)
        reads = {"pull_keys": {"rows": "other"}, "xcom_namespace": "report"}
        assert returned(alias, xcom_tasks.load, 1, limit=0, options=reads) == [1, 5, 0]
        assert xcom.pull_all("report", backend=alias) == {"other": 5}
        time.move(60)
        assert xcom.pull_all("report", backend=alias) == {}


def test_auto_xcom_hands_over_under_the_task_id_or_the_name_of_the_function(alias: str) -> None:
    returned(alias, xcom_tasks.hand_over, 1)
    returned(alias, xcom_tasks.hand_over, 2, options={"task_id": "step 2", "push_key": "k"})
    assert xcom.pull_all(backend=alias) == {"hand_over": 1, "step 2": 2, "k": 2}
    assert xcom.pull("k", task_id="step 2", backend=alias) == 2


def test_a_return_value_that_is_too_large_to_hand_over_fails_the_try(alias: str) -> None:
    with with_options(alias, XCOM_MAX_BYTES=10):
        result = run(alias, xcom_tasks.hand_over, "x" * 9)
        assert [error.exception_class for error in result.errors] == [XComTooLarge] * 2
        assert "at most 10 bytes" in result.errors[0].traceback
        assert xcom.keys(backend=alias) == []


def test_a_pipeline_run_has_a_namespace_of_its_own(alias: str) -> None:
    run_id = str(uuid4())
    xcom.push("shared", "default", backend=alias)
    xcom.push("rows", "default", backend=alias)
    with handing_out(alias, lambda claim: claim._replace(run_id=run_id)):
        returned(alias, xcom_tasks.extract, "run")
        assert returned(alias, xcom_tasks.pull, "rows") == "run"
        assert returned(alias, xcom_tasks.pull, "shared") == "default"
        assert returned(alias, xcom_tasks.pull, "rows", namespace="default") == "default"
        assert returned(alias, xcom_tasks.load, 1) == [1, "run", 10]
    assert returned(alias, xcom_tasks.pull, "rows") == "default"
    assert xcom.pull_all(run_id, backend=alias) == {"rows": "run"}


# What is special to one kind of store.


@every_durable
def test_a_push_is_part_of_the_callers_transaction(durable: str) -> None:
    with transaction.atomic(database_of(durable)):
        xcom.push("k", 1, backend=durable)
        xcom.push("k", 2, backend=durable)
        transaction.set_rollback(True, database_of(durable))
    assert xcom.pull("k", None, backend=durable) is None


@every_durable
def test_a_thousand_keys_are_few_statements(durable: str) -> None:
    xcom.pull("k", None, backend=durable)
    connection = connections[database_of(durable)]
    connection.force_debug_cursor = True
    try:
        before = len(connection.queries_log)
        assert xcom.pull_many([f"k{n}" for n in range(1000)], None, backend=durable)["k7"] is None
        most = 1 if connection.vendor == "postgresql" else 3
        assert len(connection.queries_log) - before <= most
    finally:
        connection.force_debug_cursor = False


@every_durable
@pytest.mark.parametrize("key", ['a "quoted" key', "back\\slash", "{a,b}", "NULL", "%s", "ключ"])
def test_a_key_is_read_as_it_was_written(durable: str, key: str) -> None:
    xcom.push(key, 1, backend=durable)
    assert xcom.pull_many([key, "other"], 0, backend=durable) == {key: 1, "other": 0}


def test_what_goes_with_a_refused_end_is_not_read() -> None:
    store = MemoryStore("threads", Options())
    join(store)
    insert(store, task="tests.app.xcom_tasks.extract")
    claim = claim_one(store)
    call: Any = Calls("threads", lambda: None, lambda: False).make(claim)
    pushes = pushes_of(call.job, claim, "5", store.options)
    ended = Ended(
        claim, Outcome(claim.seq, 1, Verdict.SUCCEEDED, pushes=pushes), call.result, None, 0.0
    )
    store.forget(WORKER)
    join(store)
    second = claim_one(store)
    Recorder(store, lambda fences: None).write([ended])
    assert store.xcoms.pull("", ["default"], ["rows"]) == {}
    again = ended._replace(claim=second, outcome=ended.outcome._replace(attempt=2, pushes=()))
    Recorder(store, lambda fences: None).write([again])
    assert store.xcoms.pull("", ["default"], ["rows"]) == {}


# What a task may say.


def test_a_parameter_that_the_function_has_not_is_refused_by_name() -> None:
    with pytest.raises(InvalidTaskOption, match=r"pull_keys: .* which are first, limit, rows, got"):
        xcom_tasks.load.using(pull_keys={"row": "k"})
    with pytest.raises(InvalidTaskOption, match=r"pull_keys: .* got 'context'"):
        task(takes_context=True, pull_keys={"context": "k"})(pair)
    with pytest.raises(
        InvalidTaskOption, match=r"pull_defaults: .* are first, limit, rows, got 'x'"
    ):
        xcom_tasks.load.using(pull_defaults={"x": 1})
    assert xcom_tasks.push.using(pull_keys={"anything": "k"}).pull_keys == {"anything": "k"}


def test_xcom_task_wants_its_key() -> None:
    with pytest.raises(InvalidTaskOption, match="xcom_task: expected a key"):
        xcom_task(pair)  # type: ignore[arg-type]
    assert xcom_tasks.extract.push_key == "rows"


def pair(context: Any, other: Any = None) -> Any:
    return other
