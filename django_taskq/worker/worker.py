"""A worker: claims jobs of one store, has them run, and gives back what it does not finish."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.wording import counted
from django_taskq.jobs.workers import LeaseLost, Pulse
from django_taskq.middleware.registry import stacks_of
from django_taskq.signals import worker_started, worker_stopped
from django_taskq.stores.base import Store
from django_taskq.worker.cancels import Cancels
from django_taskq.worker.claimer import Claimer
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.crew import Crew
from django_taskq.worker.doorbell import Doorbell
from django_taskq.worker.executors.base import MakeExecutor
from django_taskq.worker.executors.local import LocalExecutor
from django_taskq.worker.farewell import Farewell
from django_taskq.worker.heartbeat import Heartbeat
from django_taskq.worker.idleness import Idleness
from django_taskq.worker.inputs import with_inputs
from django_taskq.worker.loop import Backoff, Loop, told, until_it_works
from django_taskq.worker.marks import Marks, NoMarks
from django_taskq.worker.memory import resident_bytes
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.upkeep import Upkeep

logger = logging.getLogger("django_taskq.worker")

# Seconds for which nothing in line may start before all of it is given back: it was claimed ahead
# of jobs that take longer than was thought, and others may have a better claim by now.
LONGEST_STAND = 0.1
# Seconds between two looks whether a worker whose lease is gone has a new one.
REJOIN_PAUSE = 0.05
# Seconds that a worker gives its middlewares at its end, to send off what they hold.
LONGEST_FLUSH = 2.0


class Worker:
    """Works one store until it is asked to stop, or has done what it was told to do.

    `run` belongs to one thread; `stop` and `hurry` may be called from any other, but not from a
    signal handler.
    """

    def __init__(
        self,
        store: Store,
        settings: WorkerSettings,
        sender: type,
        make_executor: MakeExecutor = LocalExecutor,
        marks: Marks | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.worker_id = settings.new_worker_id()
        self.is_stop_asked = False
        self.progressed = monotonic()
        self._sender = sender
        self._wakeup = Doorbell(self._take_in)
        self._marks = marks or NoMarks()
        # Kept, since the alias may be gone from the settings before the worker is.
        self._stacks = stacks_of(store.alias)
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._backoff = Backoff()
        self._is_unsure = False
        self._crew = Crew(
            store,
            settings,
            make_executor,
            on_room=self._note_room,
            on_note=self._poke_heartbeat,
            is_stopping=self._stop.is_set,
            may_start=self._may_start,
            on_dropped=self._doubt_holdings,
            marks=self._marks,
            heir=self._heir,
        )
        self._cancels = Cancels(store, self._crew.in_hand, self._crew.running)
        self._heartbeat = Heartbeat(
            store,
            self.worker_id,
            self._crew.running,
            pulse=self._pulse,
            on_lost=self._rejoin,
            on_doubt=self._doubt,
            on_stop=self._stop_as_asked,
            read_cancels=self._cancels.read,
            marks=self._marks,
        )
        self.thread_name = name = settings.thread_name(store.alias)
        self._heartbeat_loop = Loop(f"{name}-heartbeat", self._heartbeat.beat)
        self._upkeep = Upkeep(
            store,
            sender,
            self._wakeup.set,
            may_reap=lambda: not self._heartbeat.is_in_doubt,
            tally=self._crew.tally,
        )
        self._upkeep_loop = Loop(f"{name}-upkeep", self._upkeep.keep)
        self._schedule_loop = _schedule_loop(store, settings, name)
        self._claimer = Claimer(store, settings, self._crew)
        self._idleness = Idleness(store, settings, self._wakeup, self._upkeep_loop.poke)
        self._farewell = Farewell(store, self._crew, self._wakeup, self._hurry)

    @property
    def done(self) -> int:
        """How many attempts were written."""
        return self._crew.done

    @property
    def released(self) -> int:
        """How many jobs were given back at the end."""
        return self._farewell.released

    @property
    def is_spent(self) -> bool:
        """Whether the worker takes no more jobs, though nobody stopped it."""
        return self._claimer.is_spent

    @property
    def is_worn_out(self) -> bool:
        """Whether so much hangs in this process that another should take its place."""
        return self._crew.is_worn_out

    def run(self) -> None:
        """Work until stopped; return when everything is finished or given back."""
        if not self._start():
            self._crew.close(0)
            drop_connections()
            logger.info("Worker %s stopped before %r answered.", self.worker_id, self.store.alias)
            return
        try:
            while not self._is_done():
                self._work_once()
        finally:
            self._shut_down()

    def retire(self) -> None:
        """Take no more jobs and end with the last that runs, however long it takes."""
        self._claimer.is_retiring = True
        # A job may have come in its sleep.
        self._is_unsure = True
        self._wakeup.set()

    def stop(self) -> None:
        """Take no more jobs, finish what runs within the grace, then give the rest back."""
        self._stop.set()
        self._wakeup.set()

    def hurry(self) -> None:
        """Stop without a grace: what runs is given back now."""
        self._hurry.set()
        self.stop()

    def take_suspects_seen(self) -> bool:
        """Tell whether suspects were seen since the last call; safe from any thread."""
        is_seen, self._upkeep.has_seen_suspects = self._upkeep.has_seen_suspects, False
        return is_seen and not self.settings.is_idle

    # The loop, a verb at a time.

    def _start(self) -> bool:
        has_joined = until_it_works(
            self.store.alias, self._join, wait=self._wakeup.wait, is_over=self._stop.is_set
        )
        if not has_joined:
            return False
        self._heartbeat_loop.start()
        self._upkeep_loop.start()
        if self._schedule_loop is not None:
            self._schedule_loop.start()
        logger.info("Worker %s works %r.", self.worker_id, self.store.alias)
        worker_started.send_robust(self._sender, worker_id=self.worker_id, alias=self.store.alias)
        return True

    def _join(self) -> bool:
        self.store.join(self.settings.introduce(self.worker_id))
        self.store.hear_cancels(self.worker_id, self._poke_heartbeat)
        self._marks.renew(self.worker_id)
        return True

    def _is_done(self) -> bool:
        if self._stop.is_set():
            return True
        if self.is_spent:
            return not self._crew.in_hand
        return self.settings.is_burst and self._claimer.is_drained

    def _work_once(self) -> None:
        try:
            self._let_standing_line_go()
            self._settle()
            self._idleness.take_wakeup()
            room = self._claimer.room()
            if not room:
                self._wait_for_room()
            elif claims := self._claim(room):
                self._idleness.end(self.worker_id)
                self._crew.take(claims)
                if self._claimer.has_all:
                    self._rest(self._idleness.nap)
            elif not self._is_done():
                self._rest(self._idleness.rest)
            self.progressed = monotonic()
            self._backoff.clear()
        except LeaseLost:
            self._heartbeat.hurry()
            self._poke_heartbeat()
            self._stop.wait(REJOIN_PAUSE)
        except Exception as error:
            self._recover(error)

    def _let_standing_line_go(self) -> None:
        if self._crew.stands_for() > LONGEST_STAND and not self.settings.is_solo:
            self._claimer.give_back(self._crew.let_line_go())
            self._is_unsure = True

    def _pause(self, longest: float) -> float:
        return min(longest, LONGEST_STAND) if self._crew.waiting else longest

    def _wait_for_room(self) -> None:
        pause = self._pause(self.settings.poll_interval)
        self._sleeps_for(pause)
        self._wakeup.wait(pause)

    def _rest(self, sleep: Callable[[str, float], None]) -> None:
        pause = self._pause(self._claimer.pause(self.worker_id))
        self._sleeps_for(pause)
        sleep(self.worker_id, pause)

    def _sleeps_for(self, pause: float) -> None:
        """Note that the loop may sleep now; until that is over it counts as advancing."""
        self.progressed = monotonic() + pause

    def _claim(self, room: int) -> list[Claim]:
        if self._heartbeat.is_in_doubt:
            return []
        return with_inputs(self.store, self._claimer.claim(self.worker_id, room))

    def _take_in(self) -> bool:
        """Claim for the sleeping loop, in the thread of whoever made jobs ready; see Doorbell."""
        if self._stop.is_set():
            return False
        try:
            room = self._claimer.room()
            claims = self._claim(room) if room else []
            self._crew.take(claims)
        except Exception:
            self._is_unsure = True
            return False
        # What a limit holds back is the loop's to come back for.
        return 0 < len(claims) < room and not self._claimer.is_held_back(self.worker_id)

    def _recover(self, error: Exception) -> None:
        if self._backoff.is_clear:
            logger.warning("%r does not answer, trying again: %s", self.store.alias, told(error))
        self._idleness.forget_arming()
        self._is_unsure = True
        drop_connections()
        # Not on the wakeup, which every job that ends meanwhile raises.
        self._stop.wait(self._backoff.next_pause())

    def _settle(self) -> None:
        """After an error, give back what the store counts as ours and never reached us."""
        if not self._is_unsure:
            return
        # Before the look: what is dropped from now on needs another one.
        self._is_unsure = False
        # A store that put jobs into the hand of a sleeper puts none there from now on.
        self._idleness.forget_arming()
        with self._crew.relay_lock:
            strangers = self._crew.strangers(self.store.held(self.worker_id))
            if strangers:
                self._crew.give_back(self.worker_id, strangers)
        if not self._backoff.is_clear:
            logger.info("%r answers again.", self.store.alias)

    # What the executors call, in their threads.

    def _note_room(self) -> None:
        # A loop that is served in its sleep has seen that nothing is ready: room changes nothing,
        # unless there may be jobs that are handed out for a free slot alone. One that rests hears
        # of it once the end that made the room is written, for that may free jobs.
        idleness = self._idleness
        is_served = self._wakeup.is_asleep
        is_told_later = idleness.is_left_alone or (idleness.is_resting and self._crew.is_writing)
        if self._claimer.is_cramped or not (is_served or is_told_later):
            self._wakeup.set()

    def _heir(self, worker_id: str) -> ClaimRequest | None:
        """Return what a worker could take now of what its finishes free; see Relay."""
        is_own = worker_id == self.worker_id and not self._heartbeat.is_in_doubt
        return self._claimer.heir(worker_id) if is_own and not self._stop.is_set() else None

    def _may_start(self, claim: Claim) -> bool:
        """Tell whether the lease under which a claim was made still holds, and nobody canceled."""
        is_held = claim.worker_id == self.worker_id and not self._heartbeat.is_in_doubt
        return is_held and self._cancels.allows(claim)

    def _doubt_holdings(self) -> None:
        self._is_unsure = True
        self._wakeup.set()

    # What the heartbeat calls, in its thread.

    def _pulse(self) -> Pulse:
        silent_for = max(0.0, monotonic() - self.progressed)
        return Pulse(silent_for, resident_bytes(), self._crew.late)

    def _stop_as_asked(self) -> None:
        self.is_stop_asked = True
        self.stop()

    def _poke_heartbeat(self) -> None:
        self._heartbeat_loop.poke()

    def _doubt(self) -> None:
        """Start nothing more under a lease that may be over."""
        if self._crew.take_back():
            self._is_unsure = True

    def _rejoin(self) -> str:
        self._crew.take_back()
        self.worker_id = self.settings.new_worker_id()
        self._join()
        self._idleness.forget_arming()
        return self.worker_id

    # The end.

    def _shut_down(self) -> None:
        farewell = self._farewell
        if self._schedule_loop is not None:
            self._schedule_loop.stop()
        farewell.release_line(self.worker_id)
        self._crew.stop()
        # Who waits out a long grace does not stand still.
        self.progressed = monotonic() + self.settings.grace
        farewell.wait_for_running(self.progressed)
        farewell.close_crew()
        self._upkeep_loop.stop()
        self._upkeep.end()
        self._heartbeat_loop.stop()
        self._crew.tally.hand_over(self.store)
        farewell.leave(self.worker_id)
        self._report_stop()
        self._stacks.flush(LONGEST_FLUSH)
        drop_connections()

    def _report_stop(self) -> None:
        logger.info(
            "Worker %s stopped: %s done, %s given back, %s refused.",
            self.worker_id, counted(self.done, "attempt"), counted(self.released, "job"),
            counted(self._crew.late, "late result"),
        )  # fmt: skip
        worker_stopped.send_robust(
            self._sender,
            worker_id=self.worker_id,
            alias=self.store.alias,
            released=self.released,
        )


def _schedule_loop(store: Store, settings: WorkerSettings, name: str) -> Loop | None:
    if not settings.is_scheduler or settings.is_solo:
        return None
    # Imported late: backends of pools are made before the apps are ready, models are not.
    from django_taskq.scheduling.scheduler import Scheduler

    return Loop(f"{name}-schedules", Scheduler(store).keep)
