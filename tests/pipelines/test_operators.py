"""Pipelines are put together by operators, as plain data."""

from typing import Any

import pytest

from django_taskq import InvalidPipeline, Pipeline, chain, group
from django_taskq.pipelines.plan import plan_of
from tests.app import tasks

a, b, c, d = (tasks.echo.using(task_id=name) for name in "abcd")


def edges(pipeline: Pipeline) -> set[str]:
    """Return the edges of a pipeline as text, and the names of its steps that have none."""
    graph = plan_of(pipeline).graph
    joined = {f"{graph.names[before]}{graph.names[after]}" for before, after in graph.edges}
    return joined | {name for name in graph.names if not any(name in edge for edge in joined)}


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (a >> b, {"ab"}),
        (b << a, {"ab"}),
        (a | b, {"a", "b"}),
        (a >> (b | c) >> d, {"ab", "ac", "bd", "cd"}),
        (a.s() >> (b.s() | c) >> d.s(), {"ab", "ac", "bd", "cd"}),
        (d << (b | c) << a, {"ab", "ac", "bd", "cd"}),
        (a >> [b, c] >> d, {"ab", "ac", "bd", "cd"}),
        ([a, b] >> c, {"ac", "bc"}),
        (c << [a, b], {"ac", "bc"}),
        (a >> b | c >> d, {"ab", "cd"}),
        (chain(a, b, c), {"ab", "bc"}),
        (chain([a, b, c]), {"ab", "bc"}),
        (chain(x for x in (a, b)), {"ab"}),
        (group(a, b) >> group(c, d), {"ac", "ad", "bc", "bd"}),
        (group([a, b]) >> c, {"ac", "bc"}),
        (chain(a, group(b, chain(c, d))), {"ab", "ac", "cd"}),
        (chain(a, group(), b), {"ab"}),
    ],
)
def test_parts_are_put_in_order(pipeline: Pipeline, expected: set[str]) -> None:
    assert edges(pipeline) == expected


def test_a_task_of_django_stands_on_either_side() -> None:
    plain: Any = tasks.foreign
    for pipeline in (plain >> a.s(1), a.s(1) << plain):
        assert [[step.task for step in edge] for edge in pipeline.edges] == [[plain, a]]
    assert edges(a.s(1) >> plain) == {"aforeign"}
    assert len((a | plain).steps) == 2


def test_a_pipeline_used_twice_stands_for_the_same_steps() -> None:
    start = chain(a)
    assert edges((start >> b) | (start >> c >> d)) == {"ab", "ac", "cd"}


def test_a_task_used_twice_is_two_steps_with_names_of_their_own() -> None:
    pipeline = chain(tasks.nothing, tasks.nothing, tasks.nothing.using(task_id="nothing_2"))
    assert plan_of(pipeline).graph.names == ("nothing", "nothing_3", "nothing_2")


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(TypeError):
        a >> 3  # type: ignore[operator]
    with pytest.raises(InvalidPipeline, match=r"tasks, signatures .* got 3"):
        chain(a, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Pipeline, "at least one step"),
        (lambda: (p := chain(a)) >> p, "a cycle: a >> a"),
        (lambda: (chain(a) >> b) >> a, "task_id 'a' more than once"),
        (
            lambda: a.using(depends_on=["b"]) | b.using(depends_on=["a"]),
            r"a cycle: (a >> b >> a|b >> a >> b)",
        ),
        (lambda: tasks.write.s("page") >> tasks.count_together, "write: expected the arguments"),
        (lambda: a >> tasks.nothing.map(), "nothing: expected a mapped call to take an item"),
        (lambda: chain(a.map()), "expected one step before map"),
        (lambda: (b | c) >> a.map(), "expected one step before map.*got 2"),
        (lambda: b >> a.map(over="x"), "over: expected a step of the same pipeline, got 'x'"),
        (lambda: b >> a.map(over=chain(c)), "over: expected a step of the same pipeline"),
    ],
)
def test_a_pipeline_that_cannot_run_is_refused(make: Any, told: str) -> None:
    with pytest.raises(InvalidPipeline, match=told):
        plan_of(make())


def test_only_one_step_can_be_mapped_and_once() -> None:
    with pytest.raises(InvalidPipeline, match="map: expected one step, got 2"):
        (a >> b).map()
    with pytest.raises(InvalidPipeline, match="not mapped yet"):
        a.map().map()
    with pytest.raises(InvalidPipeline, match="over: expected a list"):
        a.map(over=7)
    with pytest.raises(InvalidPipeline, match="max_running: expected a whole number"):
        a.map(max_running=0)


def test_a_step_gets_results_where_its_function_needs_one_more_argument() -> None:
    pipeline = chain(
        tasks.nothing, tasks.count_together, tasks.hold.s("gate"), tasks.note_down, tasks.spoil
    )
    plan = plan_of(pipeline)
    assert [[source.place for source in each] for each in plan.sources] == [[], [0], [], [], [3]]


def test_after_a_map_a_step_gets_the_list_wherever_it_has_room() -> None:
    plan = plan_of(tasks.nothing >> tasks.echo.map() >> (tasks.echo | tasks.nothing))
    assert [[tuple(source) for source in each] for each in plan.sources] == [
        [], [(0, False)], [(1, True)], [],
    ]  # fmt: skip
