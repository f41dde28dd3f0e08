"""How long to wait before the next try."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_taskq.jobs.backoff import FURTHEST, JITTER, LONGEST, check_backoff, delay_of

ERROR = ValueError("no")


def middle() -> float:
    """Return a spread that changes nothing."""
    return 0.5


def delays(rule: object, count: int) -> list[float | None]:
    """Return the first delays of a rule, without jitter."""
    return [delay_of(rule, tries, ERROR, None, middle) for tries in range(1, count + 1)]  # type: ignore[arg-type]


def test_exponential_doubles_from_one_second_to_an_hour() -> None:
    assert delays("exponential", 5) == [1, 2, 4, 8, 16]
    assert delay_of("exponential", 12, ERROR, None, middle) == 2048
    assert delay_of("exponential", 13, ERROR, None, middle) == LONGEST
    assert delay_of("exponential", 10_000, ERROR, None, middle) == LONGEST


def test_linear_grows_by_a_second_up_to_an_hour() -> None:
    assert delays("linear", 4) == [1, 2, 3, 4]
    assert delay_of("linear", 10_000, ERROR, None, middle) == LONGEST


def test_a_number_is_the_delay_of_every_try() -> None:
    assert delays(7, 3) == [7, 7, 7]
    assert delays(0, 2) == [0, 0]


def test_the_last_of_a_list_goes_for_all_that_follow() -> None:
    assert delays([5, 10, 60], 5) == [5, 10, 60, 60, 60]
    assert delays((1.5,), 2) == [1.5, 1.5]


@given(
    st.sampled_from(["exponential", "linear", 3.0, [1.0, 2.0]]),
    st.integers(1, 100),
    st.floats(0, 1, exclude_max=True),
)
def test_jitter_stays_within_a_fifth(rule: object, tries: int, spread: float) -> None:
    plain = delay_of(rule, tries, ERROR, None, middle)  # type: ignore[arg-type]
    spread_out = delay_of(rule, tries, ERROR, None, lambda: spread)  # type: ignore[arg-type]

    assert plain is not None
    assert spread_out is not None
    assert plain * (1 - JITTER) <= spread_out <= plain * (1 + JITTER)


def test_jitter_uses_its_whole_range() -> None:
    assert delay_of(10, 1, ERROR, None, lambda: 0.0) == pytest.approx(8)
    assert delay_of(10, 1, ERROR, None, lambda: 0.999_999) == pytest.approx(12, rel=1e-4)


def test_a_function_decides_from_the_exception_and_the_result() -> None:
    seen = []

    def rule(exception: BaseException, result: object) -> float:
        seen.append((exception, result))
        return 3

    # Its answer is not spread.
    assert delay_of(rule, 1, ERROR, "result", lambda: 0.0) == 3
    assert seen == [(ERROR, "result")]


def test_a_function_can_stop_the_tries() -> None:
    assert delay_of(lambda exception, result: None, 1, ERROR, None, middle) is None


@pytest.mark.parametrize(
    ("answer", "delay"), [(-5, 0), (math.nan, 0), (0, 0), (math.inf, FURTHEST)]
)
def test_a_functions_answer_is_always_a_delay_that_can_be_waited(
    answer: float, delay: float
) -> None:
    waited = delay_of(lambda exception, result: answer, 1, ERROR, None, middle)

    assert waited == delay
    timedelta(seconds=waited)


@pytest.mark.parametrize(
    "rule", ["exponential", "linear", 0, 1, 2.5, [0], [1, 2.5], (3,), lambda exception, result: 1]
)
def test_rules_that_can_be_used_pass_the_check(rule: object) -> None:
    assert check_backoff(rule) is None
    assert delay_of(rule, 1, ERROR, None, middle) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule",
    ["", "never", -1, True, None, [], [1, -1], [True], {"a": 1}, {1}, "1", ["1"],
     math.nan, math.inf, [math.inf], 1e300, 10**400],
)  # fmt: skip
def test_other_rules_are_told_with_what_was_expected(rule: object) -> None:
    wrong = check_backoff(rule)

    assert wrong is not None
    assert wrong.startswith("expected ")
    assert wrong.endswith(f", got {rule!r}")
