"""How far ahead of its threads a worker claims."""

MOST_AHEAD = 500
AHEAD_SECONDS = 0.005
MOST_SECONDS = 0.025
WEIGHT = 0.05
# The same over ten times as many jobs: one long job in a hundred is not forgotten by the next.
LONG_WEIGHT = 0.005
# What a job is thought to take before one has ended.
GUESS = 0.0005
# What a job costs the worker beside its own function: loading, signals, the write.
OVERHEAD = 0.00005


class Intake:
    """Bounds what is claimed ahead by time, not by count.

    A worker holds what its `threads` are thought to work off in `AHEAD_SECONDS` beyond what runs,
    so that a job that arrives now never waits behind a long line in one worker, while tiny jobs
    still travel in batches. Where a claim takes longer than that, it holds what is worked off
    during two claims, up to `MOST_SECONDS`: else its threads would run dry while the next claim
    is on its way. Jobs run beside each other, what they cost the worker comes one by one.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._mean = self._long_mean = GUESS
        self._claim: float | None = None
        self._has_learned = False

    def learn(self, duration: float) -> None:
        """Take the seconds of one ended job into the running means."""
        self._has_learned = True
        self._mean += (duration - self._mean) * WEIGHT
        self._long_mean += (duration - self._long_mean) * LONG_WEIGHT

    def learn_claim(self, duration: float) -> None:
        """Take the seconds that a claim took into its running mean."""
        known = duration if self._claim is None else self._claim
        self._claim = known + (duration - known) * WEIGHT

    def learn_stand(self, seconds: float) -> None:
        """Take note that nothing in line has started for so long: what runs takes that at least."""
        self._mean = max(self._mean, seconds)

    @property
    def soon(self) -> int:
        """How many claims start before long, as far as anything is known of that."""
        return self.ahead if self._has_learned else 0

    @property
    def ahead(self) -> int:
        """How many jobs may stand in line before the threads."""
        seconds = min(MOST_SECONDS, max(AHEAD_SECONDS, 2 * (self._claim or 0.0)))
        mean = max(self._mean, self._long_mean)
        return min(MOST_AHEAD, int(seconds / (mean / self._threads + OVERHEAD)))
