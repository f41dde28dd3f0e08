"""How a run stands, and how its graph is written."""

import pytest

from django_taskq.jobs.run import Node, RunStatus, Tally, ordered, status_of
from django_taskq.jobs.states import State


def tally(*states: str) -> list[Tally]:
    begun = (State.RUNNING, State.SUCCESSFUL, State.FAILED, State.CANCELED, State.SKIPPED)
    return [Tally(State(state), False, state in begun, 1) for state in states]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["READY", "DEFERRED"], RunStatus.READY),
        (["SUCCESSFUL", "READY"], RunStatus.RUNNING),
        (["FAILED", "RUNNING"], RunStatus.RUNNING),
        (["SUCCESSFUL", "SKIPPED"], RunStatus.SUCCESSFUL),
        (["SUCCESSFUL", "FAILED", "CANCELED"], RunStatus.FAILED),
        (["SUCCESSFUL", "CANCELED"], RunStatus.CANCELED),
    ],
)
def test_the_status_of_a_run_follows_from_the_states_of_its_jobs(
    states: list[str], status: RunStatus
) -> None:
    assert status_of(tally(*states)) is status


def test_a_run_that_waits_for_what_failed_has_failed() -> None:
    blocked = Tally(State.DEFERRED, True, False, 3)
    assert status_of([*tally("SUCCESSFUL", "FAILED"), blocked]) is RunStatus.FAILED
    assert status_of([*tally("FAILED", "READY"), blocked]) is RunStatus.RUNNING


def test_names_are_escaped_in_the_languages_of_graphs() -> None:
    nodes = [
        Node('say "hi"', "app.say", None, "READY", {}),
        Node("a;b\\", "app.b", None, "SUCCESSFUL", {"SUCCESSFUL": 3}),
    ]
    graph = ordered(nodes, [('say "hi"', "a;b\\"), ("gone", "a;b\\")])
    assert graph.edges == (('say "hi"', "a;b\\"),)
    dot = graph.dot()
    assert '"say \\"hi\\"" -> "a;b\\\\";' in dot
    assert 'label="a;b\\\\ x 3\\nSUCCESSFUL"' in dot
    mermaid = graph.mermaid()
    assert '  n0["say #34;hi#34;<br>READY"]' in mermaid
    assert "  n0 --> n1" in mermaid
