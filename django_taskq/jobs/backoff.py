"""How long to wait before the next try."""

from collections.abc import Callable, Sequence
from typing import Any

type BackoffRule = str | float | Sequence[float] | Callable[[BaseException, Any], float | None]

LONGEST = 3600.0
JITTER = 0.2

# What fits into the column of every database.
MOST_TRIES = 1_000_000_000
# Ten years: whatever a function answers, the moment must exist on the store's calendar.
FURTHEST = 10 * 365 * 86_400.0


def delay_of(
    rule: BackoffRule,
    tries: int,
    exception: BaseException,
    task_result: Any,
    spread: Callable[[], float],
) -> float | None:
    """Return the seconds before the next try, or None where the rule says to stop.

    `tries` counts the failed ones, the present one included. `spread` returns a number in
    [0, 1); named rules and numbers are spread by plus or minus 20 % so that jobs that failed
    together do not come back together. A callable's answer is taken as it is, up to ten years.
    """
    if callable(rule):
        answer = rule(exception, task_result)
        return None if answer is None else min(FURTHEST, max(0.0, float(answer)))
    return _plain_delay(rule, tries) * (1 + JITTER * (2 * spread() - 1))


def _plain_delay(rule: Any, tries: int) -> float:
    if rule == "exponential":
        return min(LONGEST, 2.0 ** min(tries - 1, 20))
    if rule == "linear":
        return min(LONGEST, float(tries))
    if isinstance(rule, int | float):
        return float(rule)
    return float(rule[min(tries, len(rule)) - 1])


def check_backoff(rule: object) -> str | None:
    """Return what is wrong with a backoff rule, or None where it can be used."""
    if callable(rule) or rule in ("exponential", "linear"):
        return None
    if _is_seconds(rule):
        return None
    if isinstance(rule, list | tuple) and rule and all(_is_seconds(item) for item in rule):
        return None
    return (
        'expected "exponential", "linear", seconds (zero to ten years), a list of seconds, or a '
        f"function of (exception, task_result), got {rule!r}"
    )


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= FURTHEST
