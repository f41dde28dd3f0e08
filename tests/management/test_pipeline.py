"""manage.py pipeline: what it prints of runs, what it does to them, how it ends."""

from django_taskq.pipelines import PipelineRun, get_run
from tests.each_database import on_each_database
from tests.management.calls import Called, call
from tests.pipelines import steps
from tests.running import run_due


def pipeline(alias: str, *arguments: str) -> Called:
    return call("pipeline", *arguments, "--backend", alias)


def failed_run(alias: str) -> PipelineRun:
    parts = steps.begin.s([1, -1]) >> steps.double.map() >> steps.gather
    made = parts.enqueue(backend=alias, tenant="acme")
    run_due(alias)
    made.refresh()
    return made


@on_each_database
def test_runs_are_listed_the_newest_first(alias: str) -> None:
    first = failed_run(alias)
    second = (steps.begin.s(1) >> steps.gather).enqueue(backend=alias, tenant="globex")
    listed = pipeline(alias, "list", "--format", "json").json
    assert [(run["id"], run["status"], run["tenants"]) for run in listed] == [
        (second.id, "READY", ["globex"]),
        (first.id, "FAILED", ["acme"]),
    ]
    assert listed[1]["states"] == {"SUCCESSFUL": 3, "FAILED": 1, "BLOCKED": 1}
    only = pipeline(alias, "list", "--tenant", "acme", "--limit", "1").out
    assert first.id in only
    assert "1 BLOCKED, 1 FAILED, 3 SUCCESSFUL" in only
    assert second.id not in only


@on_each_database
def test_a_run_is_shown_with_its_steps_its_jobs_and_its_graph(alias: str) -> None:
    made = failed_run(alias)
    shown = pipeline(alias, "show", made.id, "--format", "json").json
    assert (shown["status"], shown["edges"]) == (
        "FAILED",
        [["begin", "double"], ["double", "gather"]],
    )
    assert [(job["node"], job["map_index"]) for job in shown["jobs"]] == [
        ("begin", None), ("double", None), ("double", 0), ("double", 1), ("gather", None),
    ]  # fmt: skip
    text = pipeline(alias, "show", made.id).out
    assert "tests.pipelines.steps.double" in text
    assert "1 FAILED, 1 SUCCESSFUL" in text
    assert '"begin" -> "double";' in pipeline(alias, "show", made.id, "--graph", "dot").out
    assert "n0 --> n1" in pipeline(alias, "show", made.id, "--graph", "mermaid").out


@on_each_database
def test_a_run_is_retried_canceled_and_run_again_from_a_step(alias: str) -> None:
    made = failed_run(alias)
    assert pipeline(alias, "retry", made.id).out == f"{made.id} RUNNING: 1 job retried\n"
    assert pipeline(alias, "cancel", made.id).out.startswith(f"{made.id} CANCELED: ")
    assert pipeline(alias, "cancel", made.id).status == 1
    again = pipeline(alias, "retry", made.id, "--node", "begin", "--only", "--format", "json").json
    assert get_run(again["id"], alias).results.names == ("begin",)
    run_due(alias)
    assert pipeline(alias, "retry", again["id"]).status == 1


@on_each_database
def test_what_is_no_run_is_refused(alias: str) -> None:
    unknown = pipeline(alias, "show", "01998d3c-0000-7000-8000-000000000000")
    assert (unknown.status, "There is no run with the id" in unknown.err) == (1, True)
    made = failed_run(alias)
    wrong = pipeline(alias, "retry", made.id, "--node", "x")
    assert (wrong.status, "Expected the name of a step, got 'x'" in wrong.err) == (2, True)
    lone = pipeline(alias, "retry", made.id, "--only")
    assert (lone.status, "expected --node beside --only, got none" in lone.err) == (2, True)
    none = pipeline(alias, "show", "x")
    assert "expected the id of a run (a UUID), got 'x'" in none.err
