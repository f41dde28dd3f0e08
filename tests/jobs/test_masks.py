"""Which values are masked, and what is left of those around them."""

import pytest

from django_taskq.jobs.masks import MASK, Masks, check_masks


@pytest.mark.parametrize(
    "name", ["password", "NewPassword", "api_key", "X-Api-Key", "access_token", "client_secret"]
)
def test_the_usual_names_are_masked_whatever_their_case(name: str) -> None:
    assert Masks().of({name: "s3cret", "user": 5}) == {name: MASK, "user": 5}


def test_what_lies_deeper_is_masked_too() -> None:
    value = {"a": [{"token": [1, 2], "n": 1}], "secrets": {"x": 1}}
    assert Masks().of(value) == {"a": [{"token": MASK, "n": 1}], "secrets": MASK}


def test_own_patterns_take_the_place_of_the_usual_ones() -> None:
    masks = Masks(("iban", "card_*"))
    value = {"iban": 1, "card_number": 2, "card": 3, "password": 4}
    assert masks.of(value) == {"iban": MASK, "card_number": MASK, "card": 3, "password": 4}
    assert Masks(()).of({"password": 4}) == {"password": 4}


def test_positional_arguments_are_masked_by_the_names_of_their_parameters() -> None:
    assert Masks().of_args([1, "x", {"token": 2}], ["user", "password", "more"]) == [
        1, MASK, {"token": MASK},
    ]  # fmt: skip
    assert Masks().of_args([1, 2, 3], ["user", "tokens"]) == [1, MASK, MASK]
    assert Masks().of_args([1, 2], []) == [1, 2]


def test_what_is_no_list_of_patterns_is_told() -> None:
    assert check_masks(["*x*"]) is None
    assert check_masks("x") == "expected a list of patterns of names, got 'x'"
    assert check_masks(["x", ""]) == "expected patterns of names, got '' among them"
    assert check_masks([5]) == "expected patterns of names, got 5 among them"
