"""What becomes of the ticks of a schedule that are due: its policies, as a pure function."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django_taskq.models.schedule import Catchup, Decision, Overlap
from django_taskq.scheduling.dues import GRACE, Dues

_UNFINISHED = "An earlier job of the schedule had not ended."
_WAITING = "Another tick of the schedule waited already."
_LATER = "A later tick was due too."


class Verdict(NamedTuple):
    """What was decided of one due instant; `reason` completes it where no job is made."""

    due_at: datetime
    decision: Decision
    reason: str | None = None

    @property
    def has_job(self) -> bool:
        """Whether a job is made of it."""
        return self.decision in (Decision.FIRED, Decision.QUEUED)


def decide(
    dues: Dues, catchup: Catchup | str, overlap: Overlap | str, unfinished: int
) -> list[Verdict]:
    """Return what becomes of each instant that is due, in their order.

    `unfinished` is how many of the two latest jobs of the schedule have not ended.
    """
    fires = dues.instants[dues.missed :]
    verdicts = list(_missed(dues, catchup))
    if overlap == Overlap.ALLOW or is_catching_up(dues, catchup):
        verdicts += (Verdict(due, Decision.FIRED) for due in fires)
    elif overlap == Overlap.CANCEL:
        verdicts += (Verdict(due, Decision.SKIPPED, _LATER) for due in fires[:-1])
        verdicts += (Verdict(due, Decision.FIRED) for due in fires[-1:])
    else:
        verdicts += _in_turn(fires, unfinished, can_queue=overlap == Overlap.QUEUE)
    return verdicts


def is_catching_up(dues: Dues, catchup: Catchup | str) -> bool:
    """Tell whether all that fires was missed and asked for: its jobs then run one at a time,
    unless they may overlap.
    """
    return dues.is_outage and catchup == Catchup.ALL


def _missed(dues: Dues, catchup: Catchup | str) -> Iterator[Verdict]:
    reason = (
        f"Nobody was there to fire it within {GRACE.total_seconds():.0f} seconds; catchup is "
        f"{catchup}."
    )
    for place, due in enumerate(dues.instants[: dues.missed]):
        has_more = place == 0 and dues.unnoted
        yield Verdict(
            due,
            Decision.MISSED,
            f"{reason} So were {dues.unnoted} before it." if has_more else reason,
        )


def _in_turn(fires: Sequence[datetime], unfinished: int, *, can_queue: bool) -> Iterator[Verdict]:
    for due in fires:
        if unfinished == 0:
            yield Verdict(due, Decision.FIRED)
        elif can_queue and unfinished == 1:
            yield Verdict(due, Decision.QUEUED)
        else:
            yield Verdict(due, Decision.SKIPPED, _WAITING if can_queue else _UNFINISHED)
            continue
        unfinished += 1
