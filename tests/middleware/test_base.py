"""A middleware is refused where it is written, if it could not work."""

from contextlib import contextmanager
from typing import Any

import pytest

from django_taskq.middleware import MaxAge, MaxRate, MaxTries, Middleware
from django_taskq.middleware.base import find_wrong
from django_taskq.tasks import OWNED


def test_a_generator_without_its_decorator_is_refused_at_definition() -> None:
    with pytest.raises(TypeError, match=r"Timing\.__call__ .* got a generator\. Decorate it"):

        class Timing(Middleware):
            def __call__(self, job: Any, task: Any) -> Any:
                yield


def test_an_async_generator_without_its_decorator_is_refused_at_definition() -> None:
    with pytest.raises(TypeError, match=r"Timing\.__call__ .* got a generator\. Decorate it"):

        class Timing(Middleware):
            async def __call__(self, job: Any, task: Any) -> Any:
                yield


def test_an_option_that_is_no_rule_is_refused_at_definition() -> None:
    with pytest.raises(TypeError, match=r"Timing\.options\['warn_after'\].*got 'float'"):

        class Timing(Middleware):
            options = {"warn_after": "float"}

            @contextmanager
            def __call__(self, job: Any, task: Any) -> Any:
                yield


@pytest.mark.parametrize("name", ["timeout", "enqueue", "func", "depends_on", "warn after", ""])
def test_an_option_that_no_task_could_have_beside_its_own_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"options to name options of its own, got '{name}'"):

        class Timing(Middleware):
            options = {name: float}

            @contextmanager
            def __call__(self, job: Any, task: Any) -> Any:
                yield


def test_a_middleware_without_a_call_cannot_be_made() -> None:
    class Nothing(Middleware):
        pass

    with pytest.raises(TypeError, match="__call__"):
        Nothing()


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (float, [1.5, 2], [True, "2", None]),
        (int, [0, -3], [False, 1.0]),
        (bool, [True, False], [1, "yes"]),
        (str, ["", "text"], [b"text", 1]),
        (lambda value: None if value == 7 else f"expected 7, got {value!r}", [7], [8]),
    ],
)
def test_a_rule_is_a_type_or_a_function(rule: Any, good: list[Any], bad: list[Any]) -> None:
    assert [find_wrong(rule, value) for value in good] == [None] * len(good)
    for value in bad:
        wrong = find_wrong(rule, value)
        assert wrong is not None
        assert wrong.startswith("expected ")
        assert wrong.endswith(f"got {value!r}")


def test_the_limits_of_a_task_are_options_of_the_middlewares_that_act_on_them() -> None:
    assert set(MaxAge.options) == {"max_age"}
    assert set(MaxRate.options) == {"max_rate"}
    assert set(MaxTries.options) == {"max_tries", "backoff"}
    assert {*MaxAge.options, *MaxRate.options, *MaxTries.options} == OWNED
