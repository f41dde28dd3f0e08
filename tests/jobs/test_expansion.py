"""A mapped step becomes the jobs of its items."""

import pytest

from django_taskq.jobs.expansion import EXPAND, folded, grown, task_of_template
from django_taskq.jobs.ids import derived_id, new_id
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.spec import JobSpec

STEP = JobSpec(new_id(), "shop.tasks.weigh", '["kg"]', '{"exact":true}', "slow", "acme", 7)
PLACE = Origin(run_id=new_id(), node="weigh")


def grow(step: JobSpec, items: list[object], max_running: int | None = None) -> list[JobSpec]:
    made = folded(step, None, max_running, 100)
    assert (made.task, made.queue, made.tenant, made.priority) == (EXPAND, "slow", "acme", 7)
    return grown(made.id, made.args, PLACE, items, queue="slow", tenant="acme", priority=7)


def test_each_item_stands_before_the_arguments_of_the_step() -> None:
    specs = grow(STEP._replace(max_tries=3, trace='{"a":"b"}'), [1, {"x": None}])
    assert [spec.args for spec in specs] == ['[1,"kg"]', '[{"x":null},"kg"]']
    assert [spec.id for spec in specs] == [derived_id(STEP.id, 0), derived_id(STEP.id, 1)]
    assert [spec.origin for spec in specs] == [
        PLACE._replace(map_index=0), PLACE._replace(map_index=1)
    ]  # fmt: skip
    assert specs[0][3:7] == STEP[3:7]
    assert (specs[0].task, specs[0].max_tries, specs[0].trace) == (STEP.task, 3, '{"a":"b"}')


def test_a_bound_makes_as_many_chains() -> None:
    ids = [derived_id(STEP.id, index) for index in range(5)]
    origins = [spec.origin or Origin() for spec in grow(STEP, [0] * 5, max_running=2)]
    assert [origin.upstreams for origin in origins] == [
        (), (), (Upstream(id=ids[0]),), (Upstream(id=ids[1]),), (Upstream(id=ids[2]),)
    ]  # fmt: skip
    assert origins[2].trigger_rule is TriggerRule.ALL_DONE


@pytest.mark.parametrize("args", ["[]", "[1,2]", '[[],"x",3]'])
def test_what_is_no_mapped_step_is_told_by_a_value_error(args: str) -> None:
    assert task_of_template(args) == EXPAND
    with pytest.raises(ValueError, match="arguments of a mapped step"):
        grown(STEP.id, args, PLACE, [], queue="", tenant="", priority=0)
