"""manage.py xcom: what it prints, what it deletes, and the status it ends with."""

from typing import Any

import pytest

from django_taskq import xcom
from tests.app import xcom_tasks
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import run_to_end


@on_each_database
def test_list_shows_the_values_that_are_read(alias: str) -> None:
    run_to_end(alias, xcom_tasks.extract.using(backend=alias, tenant="acme").enqueue([1]))
    xcom.push("b", "é", 0, "report", backend=alias)
    on = ("--backend", alias)
    last, first = call("xcom", "list", "--format", "json", *on).json
    assert (last["key"], last["value"], last["namespace"], last["expires_at"]) == (
        "b", "é", "report", None,
    )  # fmt: skip
    assert (first["tenant"], first["pushed_by"], first["attempt"]) == ("acme", "extract", 1)
    assert first["backend"] == alias
    header, line = call("xcom", "list", "--tenant", "acme", *on).out.splitlines()
    assert header.split()[:4] == ["TENANT", "NAMESPACE", "KEY", "VALUE"]
    assert line.split()[:5] == ["acme", "default", "rows", "[1]", "extract"]
    (alone,) = call("xcom", "list", "--namespace", "none", *on).out.splitlines()
    assert alone.split()[:4] == header.split()[:4]


@on_each_database
def test_get_prints_one_value_as_json(alias: str) -> None:
    xcom.push("k", {"a": ["é"]}, namespace="report", tenant="acme", backend=alias)
    words = ("xcom", "get", "k", "--namespace", "report", "--backend", alias)
    called = call(*words, "--tenant", "acme")
    assert (called.status, called.json) == (0, {"a": ["é"]})
    assert call(*words, "--tenant", "acme", "--format", "json").json == {"a": ["é"]}
    missing = call(*words)
    assert missing.status == 1
    assert missing.err == "get: there is no value under 'k' in the namespace 'report'."
    assert call(*words, "--tenant", "acme", "--task-id", "extract").status == 1


@on_each_database
def test_clear_deletes_some_keys_or_a_namespace(alias: str) -> None:
    for key in "abc":
        xcom.push(key, 1, backend=alias)
    xcom.push("a", 1, namespace="report", backend=alias)
    on = ("--backend", alias, "--no-input", "--format", "json")
    assert call("xcom", "clear", "a", "b", "none", *on).json == {alias: 2}
    assert xcom.keys(backend=alias) == ["c"]
    assert call("xcom", "clear", *on).json == {alias: 1}
    assert xcom.namespaces(backend=alias) == ["report"]


@on_all_databases
def test_clear_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    xcom.push("a", 1)
    asked: list[Any] = []
    monkeypatch.setattr("builtins.input", lambda: asked.append(1) or "no")
    called = call("xcom", "clear")
    assert (called.status, called.err, asked) == (1, "Nothing was deleted.", [1])
    assert xcom.keys() == ["a"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["get", ""], "KEY: expected a key, got ''."),
        (["clear", "k" * 201], "KEY: expected text of at most 200 characters"),
        (["list", "--namespace", ""], "--namespace: expected a name, got ''."),
        (["list", "--tenant", "a\nb"], "--tenant: expected printable characters only"),
        (["list", "--backend", "threads"], "--backend: the jobs of 'threads' live in the memory"),
    ],
)
def test_names_that_no_value_can_have_are_refused(words: list[str], told: str) -> None:
    called = call("xcom", *words)
    assert called.status == 2
    assert told in called.err
