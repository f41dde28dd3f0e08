"""The graph of a pipeline as plain data."""

from django_taskq.jobs.graph import Graph

DIAMOND = Graph(("a", "b", "c", "d"), ((0, 1), (0, 2), (1, 3), (2, 3)))


def test_a_node_knows_what_is_before_and_after_it() -> None:
    assert DIAMOND.upstreams() == [[], [0], [0], [1, 2]]
    assert DIAMOND.downstreams() == [[1, 2], [3], [3], []]


def test_a_level_is_the_longest_way_to_a_node() -> None:
    assert DIAMOND.levels() == [0, 1, 1, 2]
    assert Graph(("a", "b", "c"), ((0, 2), (0, 1), (1, 2))).levels() == [0, 1, 2]


def test_a_cycle_is_told_by_the_names_along_it() -> None:
    assert DIAMOND.find_cycle() is None
    around = Graph(("start", "a", "b", "end"), ((0, 1), (1, 2), (2, 1), (2, 3)))
    assert around.levels() is None
    assert around.find_cycle() in (["a", "b", "a"], ["b", "a", "b"])
    assert Graph(("a",), ((0, 0),)).find_cycle() == ["a", "a"]


def test_reach_is_a_node_and_all_after_it() -> None:
    assert DIAMOND.reach(1) == [1, 3]
    assert DIAMOND.reach(0) == [0, 1, 2, 3]
