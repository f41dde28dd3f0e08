"""A part of a run once more, as a run of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django_taskq.control import store_of
from django_taskq.jobs.graph import Graph
from django_taskq.jobs.ids import derived_id, new_id
from django_taskq.jobs.inputs import Source, inputs_of, with_inputs
from django_taskq.jobs.origin import Origin, TriggerRule, Upstream
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.unique import unique_key

if TYPE_CHECKING:
    from django_taskq.pipelines.run import PipelineRun


def enqueue_again(run: "PipelineRun", node: str, *, has_downstream: bool) -> str:
    """Enqueue copies of a step's job and of those that come after it; return the new run's id.

    What is not copied is not waited for: its result is taken as it is.
    """
    records = {record.node or "": record for record in run.jobs if record.map_index is None}
    drawn = run.graph()
    names = tuple(each.name for each in drawn.nodes)
    numbers = {name: number for number, name in enumerate(names)}
    edges = tuple((numbers[before], numbers[after]) for before, after in drawn.edges)
    graph = Graph(names, edges)
    start = numbers[node]
    chosen = graph.reach(start) if has_downstream else [start]
    run_id = new_id()
    ids = {
        records[names[number]].id: (place, derived_id(run_id, place))
        for place, number in enumerate(chosen)
    }
    specs = []
    for number in chosen:
        before = [records[names[each]].id for each in graph.upstreams()[number]]
        upstreams = tuple(Upstream(id=ids[id][1]) for id in before if id in ids)
        specs.append(_copy(records[names[number]], run_id, ids, upstreams))
    store_of(run.backend).insert(specs)
    return run_id


def _copy(
    record: JobRecord,
    run_id: str,
    ids: dict[str, tuple[int, str]],
    upstreams: Sequence[Upstream],
) -> JobSpec:
    rule = TriggerRule(record.trigger_rule) if record.trigger_rule and upstreams else None
    key = record.task_id and unique_key(record.backend, record.tenant, record.task_id, run_id)
    return JobSpec(
        id=ids[record.id][1],
        task=record.task,
        args=record.args,
        kwargs=record.kwargs,
        queue=record.queue,
        tenant=record.tenant,
        priority=record.priority,
        max_tries=record.max_tries,
        metadata=record.metadata_json,
        options=record.options,
        gate=record.gate,
        task_id=record.task_id,
        unique_key=key,
        trace=_trace(record, ids),
        origin=Origin(
            run_id=run_id, node=record.node, trigger_rule=rule, upstreams=tuple(upstreams)
        ),
    )


def _trace(record: JobRecord, ids: dict[str, tuple[int, str]]) -> str | None:
    """Return headers whose inputs are those of the new run, or jobs of the old one."""
    inputs = inputs_of(record.trace, record.run_id)
    if inputs is None:
        return record.trace
    sources = [
        Source(ids[each.id][0] if each.id in ids else each.id, each.is_mapped) for each in inputs
    ]
    return with_inputs(record.trace, sources)
