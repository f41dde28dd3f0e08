"""Pipelines are run, on every backend."""

from typing import Any

import pytest
from django.tasks import TaskResultStatus

import django_taskq
from django_taskq import InvalidPipeline, Pipeline, PipelineRun, chain, group
from django_taskq.jobs.states import State
from django_taskq.pipelines import get_run
from tests.aliases import with_options
from tests.app import tasks
from tests.pipelines import steps
from tests.running import run_due


def run(pipeline: Pipeline, alias: str, **options: Any) -> PipelineRun:
    """Enqueue a pipeline and run it to its end."""
    made = pipeline.enqueue(backend=alias, **options)
    run_due(alias)
    return made.wait(timeout=20)


def states(made: PipelineRun) -> dict[str, str]:
    return {node.name: node.state for node in made.graph().nodes}


def test_steps_run_in_order_and_are_given_what_was_before(alias: str) -> None:
    pipeline = steps.begin.s(3) >> (steps.double | steps.label.s(text="n=")) >> steps.gather
    made = run(pipeline, alias, tenant="acme")
    assert made.status == "SUCCESSFUL"
    assert made.results["gather"].return_value == [6, "n=3"]
    assert made.results.names == ("begin", "double", "label", "gather")
    assert {job.tenant for job in made.jobs} == {"acme"}
    assert {job.run_id for job in made.jobs} == {made.id}


def test_a_run_is_found_again_by_its_id(alias: str) -> None:
    pipeline = steps.begin.s(3) >> steps.double.map(over=[1, 2]) >> steps.gather
    made = run(pipeline, alias)
    found = get_run(made.id, alias)
    assert found.status == "SUCCESSFUL"
    assert found.graph() == made.graph()
    assert found.graph().edges == (("begin", "double"), ("double", "gather"))
    assert dict(found.results).keys() == {
        "begin", "double", "double[0]", "double[1]", "gather"
    }  # fmt: skip
    with pytest.raises(django_taskq.pipelines.run.RunDoesNotExist, match="There is no job"):
        get_run("01998d3c-0000-7000-8000-000000000000", alias)


@pytest.mark.parametrize("count", [0, 1, 25])
def test_a_step_is_mapped_over_the_list_before_it(alias: str, count: int) -> None:
    pipeline = steps.begin.s(list(range(count))) >> steps.double.map() >> steps.gather
    made = run(pipeline, alias)
    assert made.results["gather"].return_value == [2 * number for number in range(count)]
    assert made.results["double"].return_value == count
    assert [node.items for node in made.graph().nodes] == [0, count, 0]


def test_maps_follow_one_another_and_keep_their_other_arguments(alias: str) -> None:
    pipeline = (
        steps.begin.s([1, 2])
        >> steps.double.map()
        >> steps.label.s(text="#").map(max_running=1)
        >> steps.gather
    )
    made = run(pipeline, alias)
    assert made.results["gather"].return_value == ["#2", "#4"]


def test_no_more_items_run_at_once_than_a_map_allows(alias: str) -> None:
    pipeline = tasks.count_together.map(over=[f"room {alias}"] * 12, max_running=2) >> steps.gather
    made = run(pipeline, alias)
    assert set(made.results["gather"].return_value) <= {1, 2}


def test_a_failed_item_holds_up_what_needs_all_and_not_what_takes_any(alias: str) -> None:
    pipeline = (
        steps.begin.s([1, -1, 2])
        >> steps.double.map()
        >> (
            steps.gather
            | steps.gather.using(task_id="any", trigger_rule="all_done")
            | steps.pass_on.using(task_id="alarm", trigger_rule="one_failed")
            | steps.pass_on.using(task_id="all_failed", trigger_rule="all_failed")
        )
    )
    made = run(pipeline, alias)
    assert made.status == "FAILED"
    assert made.results["any"].return_value == [2, None, 4]
    assert states(made) == {
        "begin": "SUCCESSFUL",
        "double": "FAILED",
        "gather": "DEFERRED",
        "any": "SUCCESSFUL",
        "alarm": "SUCCESSFUL",
        "all_failed": "SKIPPED",
    }
    blocked = next(job for job in made.jobs if job.node == "gather")
    assert blocked.is_blocked
    assert made.results["double[1]"].id in str(blocked.blocked_for)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": 1}, "mapped over a list, got dict"),
        (list(range(6)), "at most 5 items, got 6.* MAX_MAP_LENGTH"),
    ],
)
def test_what_cannot_be_mapped_over_fails_with_a_sentence(
    alias: str, value: Any, told: str
) -> None:
    with with_options(alias, MAX_MAP_LENGTH=5):
        made = run(steps.begin.s(value) >> steps.double.map() >> steps.gather, alias)
        job = next(job for job in made.jobs if job.node == "double")
        assert (job.state, job.failure) == (State.FAILED, "rejected")
        assert django_taskq.get_job(job.id, alias).errors
        assert_matches(told, str(job.reason))


def assert_matches(pattern: str, text: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(text)


def test_what_failed_is_retried_and_the_rest_goes_on(alias: str) -> None:
    pipeline = tasks.succeed_on.s(2) >> steps.label.s(text="attempt ") >> steps.gather
    made = run(pipeline, alias)
    assert states(made) == {"succeed_on": "FAILED", "label": "DEFERRED", "gather": "DEFERRED"}
    assert made.retry_failed() == 1
    run_due(alias)
    made.wait(timeout=20)
    assert made.status == "SUCCESSFUL"
    assert made.results["gather"].return_value == "attempt 2"
    assert made.retry_failed() == 0


def test_a_canceled_run_ends_and_grows_no_more(alias: str) -> None:
    pipeline = steps.begin.s([1, 2]) >> steps.double.map() >> steps.gather
    made = pipeline.enqueue(backend=alias)
    made.cancel()
    run_due(alias)
    made.wait(timeout=20)
    assert made.status in ("CANCELED", "SUCCESSFUL")
    assert made.cancel() == 0


def test_a_step_is_run_once_more_with_what_comes_after_it(alias: str) -> None:
    pipeline = (
        steps.begin.s([1, 2]) >> steps.double.map() >> steps.gather >> steps.label.s(text="got ")
    )
    made = run(pipeline, alias)
    again = made.rerun("double")
    run_due(alias)
    again.wait(timeout=20)
    assert again.id != made.id
    assert again.results["label"].return_value == "got [2, 4]"
    assert again.results.names == ("double", "double[0]", "double[1]", "gather", "label")
    alone = made.rerun("gather", downstream=False)
    run_due(alias)
    alone.wait(timeout=20)
    assert alone.results.names == ("gather",)
    assert alone.results["gather"].return_value == [2, 4]
    with pytest.raises(InvalidPipeline, match=r"name of a step, got 'x'.* begin, double"):
        made.rerun("x")


def test_two_runs_of_one_pipeline_do_not_mix(alias: str) -> None:
    pipeline = steps.begin.using(task_id="first").s(1) >> steps.gather
    made = [pipeline.enqueue(backend=alias) for _ in range(2)]
    run_due(alias)
    for each in made:
        each.wait(timeout=20)
        assert each.results["gather"].return_value == 1
        assert each.results.names == ("first", "gather")


def test_nothing_is_stored_of_a_pipeline_that_is_refused(alias: str) -> None:
    store = django_taskq.control.store_of(alias)
    mixed = steps.begin.using(tenant="acme").s(1) >> steps.gather
    with pytest.raises(InvalidPipeline, match="of its own tenant 'globex', got begin of 'acme'"):
        mixed.enqueue(backend=alias, tenant="globex")
    with pytest.raises(InvalidPipeline, match="at least one step"):
        group().enqueue(backend=alias)
    waits = steps.begin.s(1) >> steps.gather.using(backend=alias, depends_on=["nobody"])
    with pytest.raises(InvalidPipeline, match="nobody"):
        waits.enqueue(backend=alias)
    assert not store.insights().lanes


def test_steps_may_differ_in_all_their_options(alias: str) -> None:
    pipeline = chain(
        steps.pass_on.using(priority=7, metadata={"step": 1}),
        steps.pass_on.using(queue_name="emails" if alias == "default" else "default", timeout=9),
    )
    made = pipeline.enqueue(backend=alias)
    made.refresh()
    first, second = made.jobs
    assert (first.priority, first.metadata, second.priority) == (7, {"step": 1}, 0)
    assert second.options == '{"timeout":9}'
    made.cancel()


def test_a_run_is_waited_for_as_a_result_is(alias: str) -> None:
    made = chain(steps.pass_on).enqueue(backend=alias)
    run_due(alias)
    assert django_taskq.wait(made, timeout=20) is made
    assert made.results[0].status is TaskResultStatus.SUCCESSFUL


def test_a_job_enqueues_a_pipeline_of_its_own_tenant(alias: str) -> None:
    result = steps.nest.using(backend=alias, tenant="acme").enqueue([1, 2])
    run_due(alias)
    result.refresh()
    made = get_run(result.return_value, alias)
    run_due(alias)
    made.wait(timeout=20)
    assert made.results["gather"].return_value == [2, 4]
    assert {job.tenant for job in made.jobs} == {"acme"}


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_a_pool_drops_no_result_of_a_run_that_goes_on(pool: str) -> None:
    with with_options(pool, MAX_RESULTS=3):
        made = run(steps.double.map(over=list(range(20))) >> steps.gather, pool)
        assert made.results["gather"].return_value == [2 * number for number in range(20)]
        assert len(made.results) == 3
