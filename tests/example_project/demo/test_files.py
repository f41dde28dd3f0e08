from pathlib import Path

import pytest

from example_project.demo.files import (
    IMAGES,
    MOST_OF_A_SMALL_ONE,
    SMALL_ONES,
    SUFFIXES,
    Parcel,
    collect,
    cut,
    select,
)


def parcel(name: str, files: int, suffix: str = ".py") -> Parcel:
    return Parcel(name, name, tuple(Path(f"{name}/{number}{suffix}") for number in range(files)))


def test_collects_real_files_with_django_as_the_big_tenant() -> None:
    parcels = collect()
    assert parcels[0].slug == "django"
    assert len(parcels[0].paths) > 1000
    assert len(parcels) > 3
    assert len({one.slug for one in parcels}) == len(parcels)
    paths = [path for one in parcels for path in one.paths]
    assert all(path.suffix in SUFFIXES and path.is_file() for path in paths)
    assert any(path.suffix == ".py" for path in paths)


def test_the_small_ones_are_those_with_most_texts() -> None:
    found = [
        parcel("django", 900),
        parcel("many", 20),
        parcel("few", 3),
        parcel("images", 50, next(iter(IMAGES))),
        parcel("empty", 0),
        parcel("second-big", MOST_OF_A_SMALL_ONE + 1),
    ]
    assert [one.slug for one in select(found)] == ["django", "many", "few", "images"]


def test_there_are_not_too_many_small_ones() -> None:
    found = [parcel("django", 9), *(parcel(f"p{number}", 1) for number in range(20))]
    assert len(select(found)) == 1 + SMALL_ONES


def test_says_when_django_cannot_be_found() -> None:
    with pytest.raises(LookupError, match="Django"):
        select([parcel("other", 3)])


def test_a_cut_keeps_the_big_one_big_and_every_tenant_in() -> None:
    parcels = cut([parcel("django", 900), parcel("a", 50), parcel("b", 1)], 60)
    assert [len(one.paths) for one in parcels] == [49, 10, 1]
    assert sum(len(one.paths) for one in parcels) == 60


def test_a_cut_of_a_lone_parcel_is_its_own() -> None:
    assert [len(one.paths) for one in cut([parcel("django", 900)], 7)] == [7]
