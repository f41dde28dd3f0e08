"""Circles of jobs that wait for one another."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.upstreams import check_cycles, find_circle

graphs = st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3))


def reaches_itself(graph: dict[int, list[int]], job: int) -> bool:
    """Tell by a plain walk whether a job waits for itself."""
    seen: set[int] = set()
    left = list(graph[job])
    while left:
        upstream = left.pop()
        if upstream not in seen:
            seen.add(upstream)
            left += graph.get(upstream, [])
    return job in seen


@given(graphs)
def test_a_circle_is_found_where_there_is_one_and_is_one(graph: dict[int, list[int]]) -> None:
    circle = find_circle(graph)
    assert bool(circle) == any(reaches_itself(graph, job) for job in graph)
    for job, upstream in pairwise([*circle, *circle[:1]]):
        assert upstream in graph[job]
    assert len(set(circle)) == len(circle)
    if circle:
        with pytest.raises(InvalidPipeline, match="wait for itself"):
            check_cycles(graph)
    else:
        check_cycles(graph)
