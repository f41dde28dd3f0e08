"""The strict JSON that every backend stores."""

import json
import math
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_taskq.jobs import payload

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


class Color(StrEnum):
    """Text with a type."""

    RED = "red"


class Level(IntEnum):
    """A number with a type."""

    LOW = 1


@given(json_values)
def test_what_json_knows_comes_back_as_it_was(value: object) -> None:
    assert payload.decode(payload.encode(value, "it")) == value


@given(st.text(st.characters()))
def test_any_text_is_stored_as_ascii_without_nul(text: str) -> None:
    stored = payload.encode([text, {text: text}], "it")

    assert stored.isascii()
    assert "\x00" not in stored
    assert payload.decode(stored) == [text, {text: text}]


def test_lone_surrogates_survive() -> None:
    assert payload.decode(payload.encode("\ud800", "it")) == "\ud800"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ((1, (2,)), "[1,[2]]"),
        (b"caf\xc3\xa9", '"caf\\u00e9"'),
        ([Color.RED, Level.LOW], '["red",1]'),
        (range(3), "[0,1,2]"),
        ({"b": 1, "a": 2}, '{"b":1,"a":2}'),
        ((), "[]"),
        ({}, "{}"),
        ("", '""'),
        (0, "0"),
        (False, "false"),
        (None, "null"),
    ],
)
def test_values_are_stored_as_the_json_type_nearest_to_them(value: object, stored: str) -> None:
    assert payload.encode(value, "it") == stored


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite number at the arguments"):
        payload.encode([1, {"deep": [value]}], "the arguments")


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, len, b"x".__class__])
def test_types_that_json_does_not_have_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="Unsupported type at the return value"):
        payload.encode({"deep": [value]}, "the return value")


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"x", ("a",)])
def test_keys_that_are_not_text_are_refused(key: object) -> None:
    with pytest.raises(TypeError, match="text as a dict key"):
        payload.encode({key: 1}, "it")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="bytes that are not UTF-8"):
        payload.encode(b"\xff", "it")


def test_a_number_too_long_to_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="4300 digits"):
        payload.encode(10**5000, "it")


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested too deeply, or contains itself"):
        payload.encode(value, "it")


def test_encoding_copies_so_that_later_changes_are_not_stored() -> None:
    value = {"a": [1]}
    normal = payload.normalize(value)
    value["a"].append(2)

    assert normal == {"a": [1]}


@pytest.mark.parametrize("text", ["[]", "{}"])
def test_empty_values_are_read_as_new_objects_each_time(text: str) -> None:
    first, second = payload.decode(text), payload.decode(text)

    assert first == second == json.loads(text)
    assert first is not second


@pytest.mark.parametrize("text", ["[1]", " [1]", "[1]\n", "\t[ 1 ] "])
def test_space_around_json_does_not_matter(text: str) -> None:
    assert payload.decode(text) == [1]


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a":-Infinity}', "", "[1", "nope", "'a'", "1 2", "[1]]"]
)
def test_what_is_not_strict_json_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):
        payload.decode(text)


def test_json_nested_beyond_reading_is_an_error_of_its_value() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        payload.decode("[" * 200_000 + "]" * 200_000)


@given(st.text(st.characters()), st.integers(10, 200))
def test_printable_text_can_be_stored_anywhere(text: str, limit: int) -> None:
    printed = payload.printable(text, limit)

    printed.encode()
    assert "\x00" not in printed
    assert len(printed) <= limit + 60


def test_text_that_is_too_long_loses_its_middle_and_says_so() -> None:
    printed = payload.printable("a" * 50 + "x" * 1000 + "z" * 50, 100)

    assert printed.startswith("a" * 50)
    assert printed.endswith("z" * 50)
    assert "1000 characters left out" in printed


def test_text_that_fits_is_left_alone() -> None:
    assert payload.printable("äöü\n", 4) == "äöü\n"
    assert payload.printable("a\x00b\ud800", 100) == "a\\x00b\\ud800"


def test_a_number_with_too_many_digits_is_refused_by_place() -> None:
    with pytest.raises(ValueError, match=r"whole numbers of at most \d+ digits in the arguments"):
        payload.encode([10**5000], "the arguments")
