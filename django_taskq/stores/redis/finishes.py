"""Writing what becomes of attempts."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from django_taskq.jobs.fate import Death
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.states import State
from django_taskq.stores.redis import endings
from django_taskq.stores.redis.codec import write_moment, write_seq
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.redis.scripts import Argument, Scripts

# Successes per script.
CHUNK = 500

# Decides about the attempt of a fence that holds.
type End = Callable[[RedisJob, int, datetime], None]


class Finishes:
    """Ends attempts, fenced. A success that leaves nothing but its result is written by one
    script; whatever else needs a decision is read, decided and written.
    """

    def __init__(self, scripts: Scripts, moves: Moves, max_lost: int) -> None:
        self.ended_here = 0
        self._scripts = scripts
        self._moves = moves
        self._max_lost = max_lost

    def finish(
        self, worker_id: str, outcomes: Sequence[Outcome], *, is_limited: bool
    ) -> list[State | None]:
        """Write how attempts ended; return the new states, None where the fence refuses."""
        states: list[State | None] = [None] * len(outcomes)
        seqs = Counter(outcome.seq for outcome in outcomes)
        plain: list[int] = []
        other: list[int] = []
        for place, outcome in enumerate(outcomes):
            is_plain = _is_plain(outcome) and seqs[outcome.seq] == 1
            (plain if is_plain else other).append(place)
        for start in range(0, len(plain), CHUNK):
            places = plain[start : start + CHUNK]
            told = self._succeed(worker_id, [outcomes[place] for place in places], is_limited)
            for place, is_taken in zip(places, told, strict=True):
                states[place] = State.SUCCESSFUL if is_taken else None
        if other:
            is_solo = self._is_solo(worker_id)

            def end(job: RedisJob, place: int, now: datetime) -> None:
                endings.write(job, outcomes[other[place]], worker_id, now, is_solo=is_solo)

            fences = [Fence(outcomes[place].seq, outcomes[place].attempt) for place in other]
            for place, state in zip(other, self._end(worker_id, fences, end), strict=True):
                states[place] = state
        return states

    def release(self, worker_id: str, fences: Sequence[Fence]) -> list[State | None]:
        """Give back claimed jobs that never started."""
        if not fences:
            return []
        is_solo = self._is_solo(worker_id)
        return self._end(
            worker_id,
            fences,
            lambda job, place, now: endings.give_back(job, worker_id, now, is_solo=is_solo),
        )

    def lose(self, fences: Sequence[Fence], death: Death) -> list[State | None]:
        """Take back attempts that had started when their process died."""
        return self._end(
            death.worker_id,
            fences,
            lambda job, place, now: endings.lose(job, death, self._max_lost, now),
        )

    def note(self, worker_id: str, notes: Sequence[Note]) -> int:
        """Write what running attempts tell; return how many were taken."""
        fences = [Fence(note.seq, note.attempt) for note in notes]
        told = self._end(worker_id, fences, lambda job, place, _: endings.tell(job, notes[place]))
        return sum(state is not None for state in told)

    def _end(self, worker_id: str, fences: Sequence[Fence], end: End) -> list[State | None]:
        """Decide about what these fences hold; of one that comes twice the first counts."""
        firsts = {write_seq(fence.seq): place for place, fence in reversed([*enumerate(fences)])}
        held: dict[str, int] = {}

        def decide(job: RedisJob, now: datetime) -> bool:
            for place, fence in enumerate(fences[firsts[job.seq] :], firsts[job.seq]):
                if write_seq(fence.seq) == job.seq and job.is_held(worker_id, fence.attempt):
                    held[job.seq] = place
                    end(job, place, now)
                    return True
            return False

        moved = self._moves.change(firsts, decide)
        states: list[State | None] = [None] * len(fences)
        for seq, done in moved.items():
            if done.is_moved:
                states[held[seq]] = State(done.job.state)
        return states

    def _succeed(
        self, worker_id: str, outcomes: Sequence[Outcome], is_limited: bool
    ) -> Sequence[int]:
        arguments: list[Argument] = []
        for outcome in outcomes:
            started_at, finished_at = outcome.started_at, outcome.finished_at
            arguments += (
                write_seq(outcome.seq),
                outcome.attempt,
                "" if started_at is None else write_moment(started_at),
                "" if finished_at is None else write_moment(finished_at),
                outcome.worker_ids,
                outcome.result or "",
                outcome.metadata or "",
                outcome.progress or "",
                outcome.ctx or "",
            )
        told: list[int] = self._scripts.run("finish", worker_id, int(is_limited), *arguments)
        self.ended_here = told[0]
        return told[1:]

    def _is_solo(self, worker_id: str) -> bool:
        key = self._scripts.keys.name("worker:", worker_id)
        return bool(self._scripts.client().hget(key, "solo") == b"1")


def _is_plain(outcome: Outcome) -> bool:
    return (
        outcome.verdict is Verdict.SUCCEEDED
        and not outcome.needs_attempt_row
        and outcome.result is not None
    )
