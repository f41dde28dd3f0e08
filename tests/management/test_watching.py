"""The live view: numbers of the moment and of the last minutes, until Ctrl-C."""

from typing import Any

import pytest

from django_taskq.control import store_of
from django_taskq.management import watching
from tests.app import tasks
from tests.each_database import on_each_database
from tests.management.calls import call
from tests.running import run_due
from tests.stores.contracts.rolling_up import counts


class Interrupted:
    """Stands for waits of which the second is cut off by Ctrl-C."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self) -> "Interrupted":
        return self

    def wait(self, pause: float) -> None:
        self.pauses.append(pause)
        if len(self.pauses) == 2:
            raise KeyboardInterrupt


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    event = Interrupted()
    monkeypatch.setattr(watching, "Event", event)
    return event


@on_each_database
def test_it_draws_what_waits_and_what_was_done_again_and_again(
    alias: str, interrupted: Interrupted
) -> None:
    tasks.nothing.using(backend=alias, queue_name="mail").enqueue()
    run_due(alias)
    store_of(alias).count([counts("slow", 600)])
    called = call("taskq", "stats", "--watch", "0.5", "--backend", alias)
    assert called.status == 0
    assert interrupted.pauses == [0.5, 0.5]
    _, first, second = called.out.split(watching.CLEAR)
    for drawn in (first, second):
        assert f"{alias}, the last 5 minutes:" in drawn
        (slow,) = [line.split() for line in drawn.splitlines() if line.startswith("slow")]
        assert slow[1:6] == ["2.0", "600", "0", "0", "0"]
        assert "\nmail" in drawn


def test_what_fails_is_shown_and_drawn_again(interrupted: Interrupted) -> None:
    written: list[str] = []

    def draw() -> Any:
        if written:
            return "all is well"
        raise OSError("no route to host")

    watching.watch(draw, written.append, 1.0)
    assert "OSError: no route to host" in written[0]
    assert "all is well" in written[1]


@on_each_database
def test_json_is_not_drawn(alias: str) -> None:
    called = call("taskq", "stats", "--watch", "--format", "json", "--backend", alias)
    assert called.status == 2
    assert called.err == "--watch draws for a terminal: leave --format json out."
