"""Cron expressions name what croniter says that they name, and what is wrong is said."""

import re
from datetime import datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.expression import ALIASES, parse_expression

START = datetime.fromisoformat("2024-02-28T21:07:13")


def numbers(least: int, most: int) -> st.SearchStrategy[str]:
    """Make the parts of a field that takes numbers in a range."""
    number = st.integers(least, most)
    step = st.integers(1, most)
    pair = st.tuples(number, number).filter(lambda two: two[0] < two[1])
    return st.one_of(
        st.just("*"),
        number.map(str),
        pair.map("{0[0]}-{0[1]}".format),
        step.map("*/{}".format),
        st.tuples(pair, step).map("{0[0][0]}-{0[0][1]}/{0[1]}".format),
        st.lists(number, min_size=2, max_size=4).map(lambda many: ",".join(map(str, many))),
    )


DAYS = st.one_of(
    numbers(1, 28).map(lambda day: (day, "*")),
    st.sampled_from(["L", "15,L", "1W", "15W", "W28", "29-31"]).map(lambda day: (day, "*")),
    st.sampled_from(
        ["sun", "Mon-Fri", "fri-sun", "7", "0,6", "5#2", "mon#1,wed#3", "L5", "1#5"]
    ).map(lambda weekday: ("*", weekday)),
    st.sampled_from([("13", "5"), ("1,15", "mon-wed"), ("L", "sat"), ("28-31", "0"), ("?", "2")]),
)
MONTHS = st.one_of(numbers(1, 12), st.sampled_from(["jan", "JAN-mar", "nov-feb", "2"]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    numbers(0, 59), numbers(0, 23), DAYS, MONTHS, st.none() | numbers(0, 59),
    st.integers(0, 2_000_000_000),
)  # fmt: skip
def test_the_local_times_are_those_of_croniter(
    minute: str, hour: str, days: tuple[str, str], month: str, second: str | None, late: int
) -> None:
    day, weekday = days
    fields = [minute, hour, day, month, weekday, *([] if second is None else [second])]
    text = " ".join(fields)
    expression = parse_expression(text)
    local = START + timedelta(seconds=late)
    # croniter takes a moment within a second as the second.
    walk = croniter(text, local - timedelta(seconds=1))
    at = expression.at_or_after(local)
    for _ in range(4):
        assert at == walk.get_next(datetime), text
        assert expression.has(at)
        following = expression.at_or_after(at + timedelta(microseconds=1))
        assert following is not None
        assert expression.before(following) == at
        assert expression.count(at, following) == 1
        at = following


@pytest.mark.parametrize("alias", ALIASES)
def test_a_name_is_short_for_what_croniter_takes_it_for(alias: str) -> None:
    walk = croniter(alias, START)
    assert parse_expression(alias.upper()).at_or_after(START) == walk.get_next(datetime)


def first_of(text: str, since: str = "2026-01-01") -> str:
    found = parse_expression(text).at_or_after(datetime.fromisoformat(since))
    return str(found)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 9 * * * 30", "2026-01-01 09:00:30"),
        ("0 0 L 2 *", "2026-02-28 00:00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 15W 8 *", "2026-08-14 00:00:00"),
        ("0 0 1W 8 *", "2026-08-03 00:00:00"),
        ("0 0 * 6 mon#3", "2026-06-15 00:00:00"),
        ("0 0 * 6 L5", "2026-06-26 00:00:00"),
        ("0 0 * 2 1#5", "2044-02-29 00:00:00"),
        ("0 0 13 5 5", "2026-05-01 00:00:00"),
        ("0 0 13 5 5#3", "2026-05-13 00:00:00"),
        ("0 0 15W 6 1", "2026-06-01 00:00:00"),
        ("  0   0 1\t1 *  ", "2026-01-01 00:00:00"),
    ],
)
def test_an_expression_names_these_days(text: str, first: str) -> None:
    assert first_of(text) == first


def test_a_rare_day_is_found_over_the_year_without_a_leap_day() -> None:
    assert first_of("0 0 29 2 *", "2096-03-01") == "2104-02-29 00:00:00"
    assert first_of("0 0 * 2 sun#5", "2088-03-01") == "2128-02-29 00:00:00"


@pytest.mark.parametrize("text", ["H H * * *", "H/15 * * * *", "H(0-29) 3 * * *", "H H H H H H"])
def test_a_hash_is_drawn_by_the_name_and_stays(text: str) -> None:
    names = [f"report-{number}" for number in range(30)]
    once, again = ([parse_expression(text, name).times for name in names] for _ in range(2))
    drawn = [(times.hours, times.minutes, times.seconds) for times in once]
    assert drawn == [(times.hours, times.minutes, times.seconds) for times in again]
    assert len(set(drawn)) > 8


def test_a_hashed_day_is_one_that_every_month_has() -> None:
    for number in range(200):
        (day,) = parse_expression("0 0 H * *", f"report-{number}").days.days or ()
        assert 1 <= day <= 28


def test_the_name_changes_nothing_without_a_hash() -> None:
    for text in ("@monthly", "0 0 * mar thu", "@hourly"):
        assert parse_expression(text, "one") is parse_expression(text, "another")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected five fields (minute, hour, day of the month, month, day of the week)"),
        ("* * * *", "these are 4 fields"),
        ("0 0 1 1 * 0 2027", "these are 7 fields"),
        ("61 * * * *", "the minute '61' is not allowed; expected 0-59, *"),
        ("0 24 * * *", "the hour '24' is not allowed; expected 0-23, *"),
        ("0 0 32 * *", "the day of the month '32' is not allowed; expected 1-31, L"),
        ("0 0 1,15W * *", "the day of the month '1,15w' is not allowed"),
        ("0 0 * 13 *", "the month '13' is not allowed; expected 1-12 or jan-dec"),
        ("0 0 * * 8", "the day of the week '8' is not allowed; expected 0-7 or sun-sat"),
        ("0 0 * * 1#6", "the day of the week '1#6' is not allowed"),
        ("0 0 * * 1,5#2", "the day of the week '1,5#2' is not allowed"),
        ("0 0 * * * 60", "the second '60' is not allowed; expected 0-59"),
        ("*/0 * * * *", "the minute '*/0' is not allowed"),
        ("a b c d e", "the minute 'a' is not allowed"),
        ("0 0 30 2 *", "day 30 of the month never comes in month 2, so that it can never fire"),
        ("0 0 31 4,6 *", "day 31 of the month never comes in month 4,6"),
        ("0 0 30 2 1", "so that the weekday alone would count"),
        ("@reboot", "expected five or six fields or one of @hourly, @daily"),
        ("@every 5m", "or one of @hourly"),
        ("R * * * *", "R is random"),
        ("0 R(1-5) * * *", "R is random"),
        ("0 1,R * * *", "R is random"),
        ("0 0 * * *" + " " * 300, "expected at most 200 characters"),
        (7, "expected at most 200 characters of text"),
    ],
)
def test_what_is_wrong_is_said(text: object, said: str) -> None:
    with pytest.raises(InvalidSchedule, match=re.escape(said)) as refused:
        parse_expression(text)
    assert str(refused.value).startswith("expression: ")
    assert str(refused.value).endswith(".")
    assert refused.value.option == "expression"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.text("0123456789*/-,#LWHR()?@ mon", max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse_expression(text, "name")
    except InvalidSchedule:
        return
    assert expression.at_or_after(START) is not None
