"""The changes of clocks are found where the files of the zones have them."""

import struct
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest

from django_taskq.exceptions import InvalidSchedule
from django_taskq.scheduling.clocks import instant_of, parse_timezone, stretches_from

HEADER = ">20x6l"
SIZE = 44
UNTIL = 2037


def file_of(key: str) -> bytes:
    """Return the file of a zone; that of the machine may be of another year."""
    return files("tzdata.zoneinfo").joinpath(*key.split("/")).read_bytes()


def changes_in_file(key: str) -> list[tuple[datetime, timedelta]]:
    """Read the changes of a zone, with the new offsets, from the second half of its file."""
    data = file_of(key)
    utcs, stds, leaps, times, types, letters = struct.unpack_from(HEADER, data)
    place = SIZE + times * 5 + types * 6 + letters + leaps * 8 + stds + utcs
    _, _, _, times, types, _ = struct.unpack_from(HEADER, data, place)
    place += SIZE
    moments = struct.unpack_from(f">{times}q", data, place)
    kinds = data[place + 8 * times : place + 9 * times]
    offsets = [struct.unpack_from(">l", data, place + 9 * times + 6 * at)[0] for at in range(types)]
    found, before = [], offsets[0]
    for moment, kind in zip(moments, kinds, strict=True):
        if moment >= 0 and offsets[kind] != before:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
            if at.year <= UNTIL:
                found.append((at, timedelta(seconds=offsets[kind])))
        before = offsets[kind]
    return found


def changes_found(key: str) -> list[tuple[datetime, timedelta]]:
    """Return the changes that the package finds."""
    found = []
    zone = ZoneInfo.from_file(BytesIO(file_of(key)), key)
    for stretch in stretches_from(zone, datetime.fromisoformat("1970-01-01")):
        if stretch.start.year > UNTIL:
            break
        if stretch.shift:
            found.append((stretch.start.replace(tzinfo=UTC), stretch.offset))
    return found


def has_file_of_every_year(key: str) -> bool:
    """Tell whether the file lists all changes, instead of a rule for what comes."""
    return b"," not in file_of(key).rstrip(b"\n").rpartition(b"\n")[2]


def keys() -> list[str]:
    """Return the zones whose changes are all in their files."""
    known = files("tzdata").joinpath("zones").read_text().split()
    return [key for key in known if has_file_of_every_year(key)]


def test_every_change_in_the_files_is_found_and_no_other() -> None:
    found = keys()
    assert len(found) > 300
    for key in found[::8]:
        assert changes_found(key) == changes_in_file(key), key


@pytest.mark.soak
def test_every_change_in_the_file_of_every_zone_is_found() -> None:
    for key in keys():
        assert changes_found(key) == changes_in_file(key), key


@pytest.mark.parametrize(
    ("local", "key", "instant"),
    [
        ("2026-07-01T12:00", "Europe/Paris", "2026-07-01T10:00+00:00"),
        ("2026-07-01T12:00+05:30", "Europe/Paris", "2026-07-01T06:30+00:00"),
        ("2026-03-29T02:30", "Europe/Paris", "2026-03-29T01:00+00:00"),
        ("2026-10-25T02:30", "Europe/Paris", "2026-10-25T00:30+00:00"),
        ("2026-10-04T02:29", "Australia/Lord_Howe", "2026-10-03T15:30+00:00"),
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-30T10:00+00:00"),
        ("1994-12-31T20:00", "Pacific/Kiritimati", "1994-12-31T10:00+00:00"),
    ],
)
def test_a_local_time_is_an_instant_the_next_one_where_it_does_not_exist(
    local: str, key: str, instant: str
) -> None:
    found = instant_of(datetime.fromisoformat(local), ZoneInfo(key))
    assert found == datetime.fromisoformat(instant)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "Etc/GMT+5", "America/Argentina/Ushuaia"])
def test_a_name_of_the_zone_database_is_a_zone(name: str) -> None:
    assert parse_timezone(name).key == name


@pytest.mark.parametrize(
    "name",
    ["", "Paris", "Europe", "+02:00", "/etc/passwd", "../UTC", "UTC\0", "localtime", "right/UTC",
     "x" * 500, "europe/paris\n", 3, None],
)  # fmt: skip
def test_another_name_is_refused(name: object) -> None:
    with pytest.raises(InvalidSchedule, match=r"^timezone: expected the name of an IANA time zone"):
        parse_timezone(name)


@pytest.mark.parametrize(
    ("name", "meant"), [("europe/paris", "Europe/Paris"), ("US/Easten", "US/Eastern")]
)
def test_the_refusal_names_the_zone_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(InvalidSchedule, match=f"got '{name}'; did you mean {meant}?"):
        parse_timezone(name)
