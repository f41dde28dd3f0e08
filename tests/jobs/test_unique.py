"""What makes two predictable ids the same."""

from itertools import combinations

from django_taskq.jobs.unique import unique_key


def test_a_key_is_the_same_for_the_same_names_alone() -> None:
    names = [
        ("default", "acme", "a", None),
        ("other", "acme", "a", None),
        ("default", "globex", "a", None),
        ("default", "acme", "b", None),
        ("default", "acme", "a", "run"),
        ("default", "acm", "ea", None),
        ("default", "", "acmea", None),
        ("defaulta", "cme", "a", None),
    ]
    for one, other in combinations(names, 2):
        assert unique_key(*one) != unique_key(*other)
    assert unique_key(*names[0]) == unique_key("default", "acme", "a")


def test_a_key_fits_its_column_whatever_the_id_is() -> None:
    assert len(unique_key("é" * 64, "ü" * 128, "\U0001f600" * 200)) == 64
