"""Names in order, many of which come and go."""

from hypothesis import given
from hypothesis import strategies as st

from django_taskq.stores.memory.names import CHUNK, Names

MANY = [f"t{n:05}" for n in range(10 * CHUNK)]


def test_a_walk_begins_behind_a_name_and_ends_with_it() -> None:
    names = Names(["b", "a", "d"])

    assert list(names.behind("a")) == ["b", "d", "a"]
    assert list(names.behind("d")) == ["a", "b", "d"]


def test_a_walk_may_begin_behind_a_name_that_is_not_there() -> None:
    names = Names(["a", "b", "d"])

    assert list(names.behind("c")) == ["d", "a", "b"]
    assert list(names.behind("")) == ["a", "b", "d"]
    assert list(names.behind("z")) == ["a", "b", "d"]


def test_there_may_be_none() -> None:
    names = Names()
    assert list(names.behind("a")) == []
    names.add("a")
    names.remove("a")

    assert list(names.behind("")) == []


def test_names_are_in_the_order_of_bytes() -> None:
    given_names = ["é", "a", "A", "", "z", "\U0001f600", "ﬀ"]
    by_bytes = sorted(given_names, key=str.encode)

    assert list(Names(given_names).behind("\U0010ffff")) == by_bytes


def test_lists_that_grow_long_are_split_and_empty_ones_go() -> None:
    names = Names()
    for name in reversed(MANY):
        names.add(name)
    assert max(len(chunk) for chunk in names._chunks) <= 2 * CHUNK
    assert list(names.behind(MANY[-1])) == MANY
    for name in MANY[1:]:
        names.remove(name)

    assert names._chunks == [MANY[:1]]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(MANY[::37]))), st.sampled_from(MANY))
def test_whatever_comes_and_goes_all_are_met_once_in_order(
    moves: list[tuple[bool, str]], after: str
) -> None:
    names, known = Names(MANY[::29]), set(MANY[::29])
    for comes, name in moves:
        if comes and name not in known:
            names.add(name)
            known.add(name)
        elif not comes and name in known:
            names.remove(name)
            known.remove(name)

    assert list(names.behind(after)) == sorted(known, key=lambda name: (name <= after, name))
