"""What a crew asks of an executor, and what an executor tells its crew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.worker.marks import Marks
from django_taskq.worker.run import Ended
from django_taskq.worker.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an executor calls, from any of its threads.

    `deliver` takes an attempt that has ended. `lose` takes one that died with a process of its
    own, and how that ended. `may_start` tells whether a claim still counts; one that does not
    goes to `drop`. `on_room` says that more could be claimed, `on_note` that a note should be
    stored now. `is_stopping` tells running jobs that their worker stops. What runs in this very
    process is marked in `marks`.
    """

    deliver: Callable[[Ended], None]
    lose: Callable[[Claim, str], None]
    may_start: Callable[[Claim], bool]
    drop: Callable[[Claim], None]
    on_room: Callable[[], None]
    on_note: Callable[[], None]
    is_stopping: Callable[[], bool]
    marks: Marks


class Executor(Protocol):
    """Runs claims and calls its hooks with what came of them.

    `running` holds the notepad of every attempt under way. `on_room` is called when the line has
    fallen to `low_mark`.
    """

    low_mark: int

    @property
    def running(self) -> Mapping[int, Notepad]:
        """The notepads of the attempts under way, by seq."""

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""

    @property
    def free(self) -> int:
        """How many more sync claims could start at once."""

    @property
    def startable(self) -> int:
        """How many more claims could start at once, of whatever kind they turn out to be."""

    @property
    def slots(self) -> int:
        """How many attempts may run at a time, of the kind that most are of."""

    @property
    def is_worn_out(self) -> bool:
        """Whether so much hangs in this process that another should take its place."""

    def submit(self, claims: Sequence[Claim]) -> None:
        """Put claims in line."""

    def take_back(self) -> list[Claim]:
        """Take all claims out of the line that have not started."""

    def stop(self) -> None:
        """Tell what runs that the worker stops, and drop what has not started."""

    def close(self) -> None:
        """Give up what is idle now, and the rest with its job."""


type MakeExecutor = Callable[[str, WorkerSettings, Hooks], Executor]
