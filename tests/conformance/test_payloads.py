"""Arguments and return values: the same JSON, and the same refusals, on every backend."""

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.tasks import TaskResultStatus

from django_taskq.backends.base import TaskqBackend
from django_taskq.jobs.filters import JobFilter
from tests.app import tasks
from tests.conformance.conftest import Drain, On

TAKEN = {
    "nothing": (None, None),
    "empty": ([{}, [], ""], [{}, [], ""]),
    "a megabyte": ("x" * 1_000_000, "x" * 1_000_000),
    "NUL": ("a\x00b", "a\x00b"),
    "lone surrogate": ("\ud800", "\ud800"),
    "beyond the first plane": ("\N{PILE OF POO}é", "\N{PILE OF POO}é"),
    "key with NUL": ({"\x00\udfff": 1}, {"\x00\udfff": 1}),
    "large number": (2**70, 2**70),
    "small number": (-1.5e-300, -1.5e-300),
    "tuple": ((1, (2,)), [1, [2]]),
    "bytes": (b"caf\xc3\xa9", "café"),
    "range": (range(3), [0, 1, 2]),
    "deep": ([[[[[[[[{"a": [None]}]]]]]]]], [[[[[[[[{"a": [None]}]]]]]]]]),
}

circle: list[Any] = []
circle.append(circle)

REFUSED = {
    "NaN": (float("nan"), ValueError),
    "infinity": ([float("-inf")], ValueError),
    "bytes that are no text": (b"\xff", ValueError),
    "list that contains itself": (circle, ValueError),
    "number as key": ({1: "a"}, TypeError),
    "None as key": ({"a": {None: 1}}, TypeError),
    "set": ({1, 2}, TypeError),
    "date": (date(2030, 1, 1), TypeError),
    "Decimal": (Decimal(1), TypeError),
    "UUID": (uuid.UUID(int=1), TypeError),
    "object": (object(), TypeError),
}


@pytest.mark.parametrize("given", TAKEN)
def test_json_comes_back_as_it_went(echo: Any, drain: Drain, given: str) -> None:
    value, expected = TAKEN[given]
    result = echo.enqueue(value, again=value)
    assert result.args == [expected]
    assert result.kwargs == {"again": expected}
    drain()
    result.refresh()
    assert result.return_value == {"value": expected, "again": expected}
    found = echo.get_result(result.id)
    assert (found.args, found.kwargs) == ([expected], {"again": expected})


@pytest.mark.parametrize("given", REFUSED)
def test_what_is_no_json_is_refused_before_anything_is_stored(
    backend: TaskqBackend, echo: Any, given: str
) -> None:
    value, error = REFUSED[given]
    with pytest.raises(error):
        echo.enqueue(value)
    with pytest.raises(error):
        echo.enqueue(1, more=value)
    assert backend.store.find(JobFilter()) == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [("function", TypeError), ("set", TypeError), ("key", TypeError), ("nan", ValueError)],
)
@pytest.mark.parametrize("name", ["unwritable", "aunwritable"])
def test_a_return_value_that_is_no_json_fails_the_job(
    on: On, drain: Drain, name: str, kind: str, error: type
) -> None:
    result = on(getattr(tasks, name)).enqueue(kind)
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    assert [found.exception_class for found in result.errors] == [error]


def test_an_error_message_with_any_characters_is_kept(fail: Any, drain: Drain) -> None:
    result = fail.enqueue("ValueError", "before\x00\ud800after")
    drain()
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    text = result.errors[0].traceback
    assert "before" in text
    assert "after" in text
    assert "\x00" not in text
