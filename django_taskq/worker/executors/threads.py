"""Run sync jobs in threads."""

import threading
from collections import deque
from collections.abc import Callable

from django_taskq.jobs.claim import Claim
from django_taskq.worker.executors.line import enter

type Run = Callable[[Claim], float]
type Park = threading.Lock

SHORT = 0.001
# Longer than the five milliseconds for which another thread may keep the interpreter's lock.
STALL = 0.006
WEIGHT = 0.05
FEW = 0.2


class ThreadExecutor:
    """A fixed number of threads that take claims from one line; they start as needed.

    Two ways of going on, chosen by what the jobs are like:

    - Mostly long jobs (they wait for something): a thread that takes a claim while more stand in
      line wakes a neighbour before it runs, so a burst spreads over all threads at once.
    - Mostly short ones: one thread, the leader, works off the line while the others rest. Ten
      threads with tiny jobs would only fight over the interpreter's lock, at three times the
      cost a job. When the line stands still for some milliseconds, since the leader has met
      a long job, the monitor goes back to the first way.

    `run` returns the seconds that the job's own function took: with the rest, waits for locks
    would count too, and a fight over them keep itself going. `poke` is called from any thread
    when the line has fallen to `low_mark`, or a thread is idle.
    """

    def __init__(self, size: int, run: Run, poke: Callable[[], None], name: str) -> None:
        self.size = size
        self.low_mark = 0
        self._run = run
        self._poke = poke
        self._name = name
        self._line: deque[Claim] = deque()
        self._idle: deque[Park] = deque()
        self._threads = 0
        self._started = 0
        self._abandoned: set[int] = set()
        self._lock = threading.Lock()
        self._leader: Park | None = None
        self._taken = 0
        self._long_share = 0.0
        self._is_short = True
        self._monitor_wakeup = threading.Event()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""
        return len(self._line)

    @property
    def free(self) -> int:
        """How many more claims could start at once."""
        return max(0, self.size - self._threads + len(self._idle) - len(self._line))

    def submit(self, claims: list[Claim]) -> None:
        """Put claims in line."""
        enter(self._line, claims)
        # In this order, and before anybody is woken: a leader leads before it takes.
        has_more = len(self._line) > 1
        has_leader = self._leader is not None
        if not (has_leader and self._is_short):
            self._wake_one()
        # A lone claim that no leader stands before cannot get stuck.
        if self._is_short and (has_leader or has_more) and not self._monitor_wakeup.is_set():
            self._monitor_wakeup.set()

    def take_back(self) -> list[Claim]:
        """Take all claims out of the line that have not started."""
        taken = []
        while True:
            try:
                taken.append(self._line.popleft())
            except IndexError:
                return taken

    @property
    def abandoned(self) -> int:
        """How many threads were given up and have not come back."""
        return len(self._abandoned)

    def abandon(self, thread: int) -> None:
        """Do without a thread, by its ident, whose job does not come back: another takes its place.

        It ends with the job it is in.
        """
        with self._lock:
            if thread in self._abandoned:
                return
            self._abandoned.add(thread)
            self._threads -= 1
        self._leader = None
        self._wake_one()
        self._poke()

    def close(self) -> None:
        """Let idle threads end; running ones end with their job. Does not wait for them."""
        self._is_closed = True
        self._monitor_wakeup.set()
        while self._wake_idle():
            pass

    def _wake_one(self) -> None:
        if not self._wake_idle() and self._threads < self.size:
            self._start_thread()

    def _wake_idle(self) -> bool:
        try:
            self._idle.pop().release()
        except IndexError:
            return False
        return True

    def _start_thread(self) -> None:
        with self._lock:
            if self._threads >= self.size:
                return
            self._threads += 1
            self._started += 1
            number = self._started
        self._thread(self._work, f"{self._name}-{number}")
        if number == 1:
            self._thread(self._watch, f"{self._name}-monitor")

    def _thread(self, target: Callable[[], None], name: str) -> None:
        threading.Thread(target=target, name=name, daemon=True).start()

    def _work(self) -> None:
        park = threading.Lock()
        park.acquire()
        line = self._line
        while not self._is_closed:
            if self._is_short and not self._leads(park):
                self._rest(park)
                continue
            try:
                claim = line.popleft()
            except IndexError:
                self._resign(park)
                continue
            self._taken += 1
            left = len(line)
            if left and not self._is_short:
                self._wake_one()
            if left == self.low_mark:
                self._poke()
            self._learn(self._run(claim))
            if self._abandoned and self._is_given_up(park):
                return

    def _is_given_up(self, park: Park) -> bool:
        """Tell whether another thread has taken the place of this one, which is to end."""
        if threading.get_ident() not in self._abandoned:
            return False
        self._abandoned.discard(threading.get_ident())
        if self._leader is park:
            self._leader = None
        return True

    def _learn(self, duration: float) -> None:
        """Keep the share of long jobs; threads may overwrite one another's update."""
        self._long_share += ((duration > SHORT) - self._long_share) * WEIGHT
        self._is_short = self._long_share < FEW

    def _leads(self, park: Park) -> bool:
        # Two threads may both find the place free; the later one stays, the other rests soon.
        if self._leader is None:
            self._leader = park
        return self._leader is park

    def _rest(self, park: Park) -> None:
        """Sleep while a leader works off the line."""
        self._idle.append(park)
        if self._leader is None or self._is_closed:
            self._sleep_unless_removed(park)
        else:
            self._poke()
            park.acquire()

    def _resign(self, park: Park) -> None:
        """Sleep until claims come. What came before this thread was listed is not missed."""
        if self._leader is park:
            self._leader = None
        self._idle.append(park)
        if self._line or self._is_closed:
            self._sleep_unless_removed(park)
        else:
            self._poke()
            park.acquire()

    def _sleep_unless_removed(self, park: Park) -> None:
        try:
            self._idle.remove(park)
        except ValueError:
            # Somebody has taken it from the list, and is about to release it.
            park.acquire()

    def _watch(self) -> None:
        """Look every few milliseconds, while claims stand in line, whether the line moves."""
        pause = threading.Event()
        while not self._is_closed:
            if not (self._line and self._is_short):
                self._monitor_wakeup.clear()
                if not (self._line and self._is_short):
                    self._monitor_wakeup.wait()
                continue
            taken = self._taken
            pause.wait(STALL)
            if self._line and self._taken == taken:
                self._long_share, self._is_short, self._leader = 1.0, False, None
                self._wake_one()
