"""What a worker has in hand: its executor, the writer, and the claims between them."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.outcome import Verdict
from django_taskq.stores.base import Store
from django_taskq.worker.executors.base import Hooks, MakeExecutor
from django_taskq.worker.intake import Intake
from django_taskq.worker.marks import Marks
from django_taskq.worker.patience import Patience
from django_taskq.worker.relay import Heir, Relay
from django_taskq.worker.run import Ended
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.writer import DirectWriter, Recorder, ThreadedWriter, Writer


class Crew:
    """Runs claims and writes how they ended.

    `in_hand` holds the claims that are not written yet, by seq. `heir` tells what the worker of an
    id could take now of what its finishes free, None where it is to claim as usual.
    `on_room` is called from any thread when more could be claimed, or when nothing is in hand
    any more, `on_dropped` when a claim was not started because it may not count any more.
    """

    def __init__(
        self,
        store: Store,
        settings: WorkerSettings,
        make_executor: MakeExecutor,
        *,
        on_room: Callable[[], None],
        on_note: Callable[[], None],
        is_stopping: Callable[[], bool],
        may_start: Callable[[Claim], bool],
        on_dropped: Callable[[], None],
        marks: Marks,
        heir: Heir = lambda worker_id: None,
    ) -> None:
        name = settings.thread_name(store.alias)
        self.done = 0
        self._on_room = on_room
        self._on_dropped = on_dropped
        self.in_hand: dict[int, Claim] = {}
        self._returning: dict[Fence, Claim] = {}
        self._intake = Intake(settings.threads)
        self._patience = Patience()
        self._line, self._moved_at = 0, 0.0
        hooks = Hooks(
            self._deliver, self._lose, may_start, self._drop, on_room, on_note, is_stopping, marks
        )
        self._executor = make_executor(store.alias, settings, hooks)
        self.running = self._executor.running
        self._relay = relay = Relay(store, heir, self.take, on_dropped)
        self._recorder = recorder = Recorder(
            store, self._on_written, None if store.is_local else relay.finish, settings.tenants
        )
        self.tally = recorder.tally
        self._writer: Writer = (
            DirectWriter(recorder)
            if store.is_local
            else ThreadedWriter(recorder, name, self._note_written, relay.look_again)
        )

    @property
    def late(self) -> int:
        """How many results were refused, since their job had gone on."""
        return self._recorder.late

    @property
    def is_worn_out(self) -> bool:
        """Whether so much hangs in this process that another should take its place."""
        return self._executor.is_worn_out

    @property
    def slots(self) -> int:
        """How many jobs run at a time."""
        return self._executor.slots

    @property
    def idle(self) -> int:
        """How many more claims could start at once."""
        return self._executor.startable

    @property
    def patience(self) -> float:
        """By how many seconds longer than usual a rated start takes here."""
        return self._patience.seconds

    @property
    def startable(self) -> int:
        """How many more claims could start at once, or before the next one is made.

        While short jobs keep all threads busy nothing is ever free at the moment of a claim, and
        what starts within milliseconds is as good.
        """
        return max(self.idle, self._intake.soon - self._executor.waiting)

    @property
    def is_writing(self) -> bool:
        """Whether ended attempts are on their way to the store; `on_room` follows, unless other
        jobs have come in their place.
        """
        return self._writer.is_writing

    @property
    def relay_lock(self) -> threading.Lock:
        """What keeps the store's view and that of the crew together while it is held."""
        return self._relay.under_way

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""
        return self._executor.waiting

    def room(self) -> int:
        """Return how many jobs to claim now."""
        executor = self._executor
        ahead = self._intake.ahead
        executor.low_mark = ahead // 2
        waiting, free = executor.waiting, executor.free
        if not free and waiting > ahead // 2:
            return 0
        return max(ahead + free - waiting, executor.startable)

    def take(self, claims: Sequence[Claim]) -> None:
        """Put claims in line."""
        for claim in claims:
            self.in_hand[claim.seq] = claim
        self._executor.submit(claims)

    def stands_for(self) -> float:
        """Return the seconds for which nothing in line has started, as seen from call to call.

        What waits for a first child to come up, behind no job at all, does not stand.
        """
        waiting, now = self._executor.waiting, monotonic()
        if not self._line or waiting < self._line or not self._executor.running:
            self._moved_at = now
        self._line = waiting
        return now - self._moved_at

    def let_line_go(self) -> int:
        """Take back what stands in line for longer than was thought; return how many."""
        self._intake.learn_stand(self.stands_for())
        return len(self.take_back())

    def learn_claim(self, duration: float) -> None:
        """Take note of how long a claim with jobs took."""
        self._intake.learn_claim(duration)

    def take_back(self) -> list[Fence]:
        """Take out of the line what has not started."""
        return [self._return(claim) for claim in self._executor.take_back()]

    def strangers(self, held: Sequence[Fence]) -> list[Fence]:
        """Return those of the store's running jobs that are not in hand."""
        return [fence for fence in held if not self._holds(*fence)]

    def give_back(self, worker_id: str, fences: Sequence[Fence]) -> int:
        """Give jobs back to the store, free of charge; return how many it has taken.

        What was canceled meanwhile ends with that, and is reported. Raise what the store raises.
        """
        known = [self._returning.get(fence) or self.in_hand.get(fence.seq) for fence in fences]
        count = self._recorder.give_back(worker_id, fences, [each and each.id for each in known])
        for fence, claim in list(self._returning.items()):
            if fence in fences or claim.worker_id != worker_id:
                del self._returning[fence]
        return count

    def stop(self) -> None:
        """Tell running jobs that the worker stops."""
        self._executor.stop()

    def close(self, timeout: float) -> bool:
        """Close the executor and write what has ended; return whether all was written."""
        self._executor.close()
        return self._writer.close(timeout)

    def _drop(self, claim: Claim) -> None:
        """Do not start a claim; its job is given back once the store answers."""
        self._return(claim)
        self._on_dropped()

    def _deliver(self, ended: Ended) -> None:
        self._intake.learn(ended.duration)
        if ended.claim.start_by is not None:
            self._patience.learn(ended.outcome.verdict is Verdict.RELEASED)
        self._writer.put(ended)

    def _lose(self, claim: Claim, how: str) -> None:
        self._recorder.lose(claim, how)

    def _on_written(self, fences: Sequence[Fence]) -> None:
        self.done += len(fences)
        for seq, attempt in fences:
            self._let_go(seq, attempt)
        if not self.in_hand:
            self._on_room()

    def _note_written(self) -> None:
        # What was handed over has taken the slots of what has ended.
        if not self._relay.take_taken():
            self._on_room()

    def _return(self, claim: Claim) -> Fence:
        """Let go of a claim that has not started; its name is kept until it is given back."""
        fence = Fence(claim.seq, claim.attempt)
        self._returning[fence] = claim
        self._let_go(*fence)
        return fence

    def _holds(self, seq: int, attempt: int) -> bool:
        claim = self.in_hand.get(seq)
        return claim is not None and claim.attempt == attempt

    def _let_go(self, seq: int, attempt: int) -> None:
        # A worker that lost its lease may hold the same job again, as a later attempt.
        if self._holds(seq, attempt):
            del self.in_hand[seq]
