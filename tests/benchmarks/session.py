"""One run of the benchmarks: which peers, in which databases, and what came out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks import environment
from tests.benchmarks.databases import Databases
from tests.benchmarks.peers import Entry
from tests.benchmarks.place import Place
from tests.benchmarks.processes import ProcessError, answer
from tests.benchmarks.tally import VARIABLE as TALLY
from tests.benchmarks.worker import PLACE

STEP_TIMEOUT = 90.0
PREPARE = "prepare"


@dataclass
class Session:
    """Runs steps in processes of their own and keeps what they measured, or why they did not."""

    entries: tuple[Entry, ...]
    repeats: int
    jobs: int
    databases: Databases
    stack: ExitStack
    say: Callable[[str], None]
    runs: dict[tuple[str, str], list[dict[str, float]]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    series: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    _originals: dict[str, Place | None] = field(default_factory=dict)

    def measure(self, figure: str, entry: Entry, step: str, **options: Any) -> None:
        """Take the step once in a fresh database and keep the answer under the figure's name."""
        original = self.original(entry)
        if original is not None:
            self.measure_in(original, figure, entry, step, **options)

    def measure_in(
        self,
        original: Place,
        figure: str,
        entry: Entry,
        step: str,
        label: str = "",
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Take the step in a copy of this database, unless it has failed before."""
        key = (figure, label or entry.name)
        if key in self.reasons:
            return
        with self.databases.copy(original) as place:
            self.say(f"{figure}: {key[1]}")
            try:
                measured = self.step(entry, place, step, environment or {}, options)
            except ProcessError as error:
                self.reasons[key] = str(error)
                self.say(f"{figure}: {key[1]} not measured: {error}")
            else:
                self.series[key] = measured.pop("series", [])
                self.runs.setdefault(key, []).append(measured)

    def original(self, entry: Entry) -> Place | None:
        """Return the database with this peer's tables, None if they could not be made."""
        if entry.name not in self._originals:
            place = self.stack.enter_context(self.databases.empty(entry.kind))
            self._originals[entry.name] = self._prepared(entry, place)
        return self._originals[entry.name]

    def _prepared(self, entry: Entry, place: Place) -> Place | None:
        try:
            self.step(entry, place, PREPARE, {}, {})
        except ProcessError as error:
            self.reasons[PREPARE, entry.name] = str(error)
            self.say(f"{entry.name} not measured: {error}")
            return None
        return place

    def step(
        self,
        entry: Entry,
        place: Place,
        step: str,
        extra: dict[str, str],
        options: dict[str, Any],
    ) -> dict[str, Any]:
        """Run one step in the environment of the peers and return what it measured.

        What stands under `series` is for a plot and comes from the latest run alone.
        """
        with TemporaryDirectory(dir=environment.HOME) as directory:
            command = [str(environment.PYTHON), "-m", "tests.benchmarks.producer"]
            variables = {
                **_clean_environment(),
                PLACE: place.dump(),
                TALLY: str(Path(directory) / "tally"),
                **extra,
            }
            said = answer(
                [*command, entry.name, step, json.dumps(options)], variables, STEP_TIMEOUT
            )
        measured: dict[str, Any] = json.loads(said)
        return measured


def _clean_environment() -> dict[str, str]:
    """Return this process's environment without what would steer Python or Django."""
    steering = {"DJANGO_SETTINGS_MODULE", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    return {**kept, "PYTHONPATH": str(environment.ROOT)}


@contextmanager
def session(
    entries: tuple[Entry, ...], repeats: int, jobs: int, say: Callable[[str], None]
) -> Iterator[Session]:
    """Hold the databases of a run and remove them in the end."""
    with TemporaryDirectory(dir=environment.HOME) as directory, ExitStack() as stack:
        yield Session(entries, repeats, jobs, Databases(Path(directory)), stack, say)
