"""The files of the demonstration: what the installed packages consist of."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

TEXTS = frozenset({".txt", ".md", ".rst", ".html", ".po", ".toml", ".cfg", ".ini", ".xml", ".csv"})
CODE = frozenset({".py", ".pyi", ".py-tpl", ".jinja", ".css", ".js", ".json"})
# They lie among the texts of every customer, and cannot be read as such.
IMAGES = frozenset({".png", ".gif"})
SUFFIXES = TEXTS | CODE | IMAGES
LARGEST = 1_000_000
BIG = "django"
# A package with more files than this is left out: it would be a second big tenant.
MOST_OF_A_SMALL_ONE = 700
SMALL_ONES = 9


@dataclass(frozen=True, slots=True)
class Parcel:
    """The files that one tenant hands in."""

    slug: str
    name: str
    paths: tuple[Path, ...]


def collect(limit: int | None = None) -> list[Parcel]:
    """Return the parcels: Django's own as the big one, first, then the small ones.

    With a limit there are about that many files in all, two thirds of them in the big parcel.
    """
    parcels = select(parcel_of(found) for found in distributions())
    return parcels if limit is None else cut(parcels, limit)


def parcel_of(distribution: Distribution) -> Parcel:
    """Return the files of an installed package that a document desk would take."""
    name = distribution.name
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return Parcel(slug, name, tuple(_paths(distribution)))


def _paths(distribution: Distribution) -> Iterator[Path]:
    for file in distribution.files or ():
        if Path(file).suffix in SUFFIXES:
            path = Path(str(distribution.locate_file(file))).resolve()
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield path


def select(parcels: Iterable[Parcel]) -> list[Parcel]:
    """Choose the big parcel and the small ones with most texts. Raise LookupError without a big."""
    # The same package may be found twice, by way of two folders of the path.
    known = {parcel.slug: parcel for parcel in parcels}
    big = known.pop(BIG, None)
    if big is None or not big.paths:
        raise LookupError("The files of Django were not found among the installed packages.")
    small = [one for one in known.values() if 0 < len(one.paths) <= MOST_OF_A_SMALL_ONE]
    small.sort(key=lambda one: (-_readable(one), one.slug))
    return [big, *small[:SMALL_ONES]]


def _readable(parcel: Parcel) -> int:
    return sum(path.suffix not in IMAGES for path in parcel.paths)


def cut(parcels: list[Parcel], limit: int) -> list[Parcel]:
    """Keep about `limit` files in all, at least one in each parcel."""
    big, *small = parcels
    for_small = limit // 3
    each = max(1, for_small // len(small)) if small else 0
    for_big = max(1, limit - sum(min(each, len(one.paths)) for one in small))
    return [_some(big, for_big), *(_some(one, each) for one in small)]


def _some(parcel: Parcel, number: int) -> Parcel:
    """Keep that many files, from all folders of the package."""
    step = max(1, len(parcel.paths) // number)
    return Parcel(parcel.slug, parcel.name, parcel.paths[::step][:number])
