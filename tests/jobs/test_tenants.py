"""Sets of tenants by name."""

from hypothesis import given
from hypothesis import strategies as st

from django_taskq.jobs.tenants import Tenants

names = st.text(max_size=4)


def test_a_set_holds_whom_it_names_and_a_rest_all_others() -> None:
    some, rest = Tenants(["b", "a", "b"]), Tenants(["a", "b"], is_rest=True)

    assert [tenant for tenant in ("", "a", "b", "c") if tenant in some] == ["a", "b"]
    assert [tenant for tenant in ("", "a", "b", "c") if tenant in rest] == ["", "c"]
    assert "anybody" in Tenants((), is_rest=True)
    assert "anybody" not in Tenants(())


def test_sets_are_equal_where_they_hold_the_same() -> None:
    assert Tenants(["a", "b"]) == Tenants(("b", "a", "a"))
    assert hash(Tenants(["a", "b"])) == hash(Tenants(("b", "a")))
    assert Tenants(["a"]) != Tenants(["a"], is_rest=True)
    assert Tenants(["a"]) != Tenants(["b"])
    assert Tenants(["a"]) != {"a"}
    assert repr(Tenants(["b", "a"])) == "Tenants(('a', 'b'), is_rest=False)"


@given(st.lists(names, max_size=12), names)
def test_the_first_name_from_a_name_on_is_found_in_the_order_of_bytes(
    given: list[str], start: str
) -> None:
    behind = [name for name in given if name.encode() >= start.encode()]

    found = Tenants(given).from_name(start)
    assert found == min(behind, key=str.encode, default=None)


@given(st.lists(names, max_size=12))
def test_walking_by_names_meets_each_once_in_order(given: list[str]) -> None:
    tenants, met = Tenants(given), []
    place = tenants.from_name("")
    while place is not None:
        met.append(place)
        place = tenants.from_name(place + "\0")

    assert met == sorted(set(given)) == list(tenants.names)
