"""What an entry of a list of middlewares may be, and what is said of one that leads nowhere."""

import threading
from typing import Any

import pytest

from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware import MaxTries
from django_taskq.middleware.entries import Entry, find_misfit
from tests.middleware.made import Demanding, Plain, Timing, Unfinished, an_instance

HERE = "tests.middleware.made"


def entry(given: Any) -> Entry:
    return Entry(given, "OPTIONS['MIDDLEWARE'][1]", "TASKS['work']: ")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (f"{HERE}.Plain", Plain),
        (f"{HERE}.a_function", Demanding),
        ("django_taskq.middleware.MaxTries", MaxTries),
        (Plain, Plain),
    ],
)
def test_an_entry_leads_to_one_instance(given: Any, kind: type) -> None:
    made = entry(given)
    assert type(made.middleware) is kind
    assert made.middleware is made.middleware


@pytest.mark.parametrize("given", [an_instance, f"{HERE}.an_instance"])
def test_an_instance_is_taken_as_it_is(given: Any) -> None:
    assert entry(given).middleware is an_instance


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "no.such.Middleware",
            r"'no\.such\.Middleware': ModuleNotFoundError: No module named 'no'",
        ),
        ("nonsense", r"'nonsense': ImportError: "),
        (f"{HERE}.Nothing", rf"'{HERE}\.Nothing': ImportError: "),
        ("tests.middleware.unimportable.Any", "RuntimeError: This module cannot be imported"),
        (f"{HERE}.Unfinished", "the class Unfinished, which has no __call__"),
        (Unfinished, "the class Unfinished, which has no __call__"),
        (f"{HERE}.Demanding", "TypeError: .*missing 1 required positional argument: 'dsn'"),
        (f"{HERE}.a_wrong_function", "a_wrong_function.*, which returned 5"),
        (f"{HERE}.something_else", "<object object"),
        ("decimal.Decimal", "the class Decimal, which is no Middleware"),
        (5, "5"),
        (None, "None"),
        ("", "'': "),
    ],
)
def test_an_entry_that_leads_to_none_says_where_it_stands_and_why(given: Any, told: str) -> None:
    wanted = (
        r"^TASKS\['work'\]: Expected OPTIONS\['MIDDLEWARE'\]\[1\] to be the dotted path of a "
        rf"Middleware, a subclass or an instance, got .*{told}.*\.$"
    )
    with pytest.raises(InvalidOptions, match=wanted) as raised:
        _ = entry(given).middleware
    assert entry(given).find_wrong() == str(raised.value)
    assert not str(raised.value).endswith("..")


def test_the_options_of_a_class_are_known_without_an_instance() -> None:
    before = Plain.made
    assert set(entry(f"{HERE}.Timing").options) == set(Timing.options)
    assert entry(Demanding).options == {}
    assert Plain.made == before
    assert entry(f"{HERE}.a_function").options == {}


def test_threads_that_come_at_once_get_the_same_instance() -> None:
    shared, together = entry(Plain), threading.Barrier(8)
    found: list[Any] = []

    def ask() -> None:
        together.wait(30)
        found.append(shared.middleware)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    before = Plain.made
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len({id(each) for each in found}) == 1
    assert Plain.made == before + 1


@pytest.mark.parametrize("given", [f"{HERE}.Plain", "no.such.Middleware", Plain, an_instance])
def test_the_shape_of_an_entry_is_looked_at_without_an_import(given: Any) -> None:
    assert find_misfit(given) is None


@pytest.mark.parametrize("given", ["", 5, None, object, int])
def test_an_entry_of_another_shape_is_told_to_be_one(given: Any) -> None:
    told = f"expected the dotted path of a Middleware, a subclass or an instance, got {given!r}"
    assert find_misfit(given) == told
