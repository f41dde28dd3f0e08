"""What a worker counts of its attempts until that goes to the roll-ups."""

import logging
import random
import threading
from collections.abc import Iterable, Sequence
from time import monotonic

from django_taskq.exceptions import RetryError
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.counts import (
    BUCKETS,
    ENDINGS,
    Counts,
    Ending,
    Histogram,
    TaskFailures,
    bucket_of,
    by_queue,
    by_task,
    ending_of,
    place_of,
)
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.servings import Serving, named
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.base import Store
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.loop import told
from django_taskq.worker.run import Ended

logger = logging.getLogger("django_taskq.worker")

# Seconds between two transactions of a worker for its numbers.
COUNT_EVERY = 10.0
# Failures that are listed before they are added up.
MOST_LISTED = 1000
# By which a job asks to run again.
_ASKED = f"{RetryError.__module__}.{RetryError.__qualname__}"


class _Page:
    """The numbers of one queue, while they grow."""

    __slots__ = ("endings", "failures", "run_seconds", "runs", "wait_seconds", "waits")

    def __init__(self) -> None:
        self.endings = [0] * len(ENDINGS)
        self.waits, self.wait_seconds = [0] * BUCKETS, 0.0
        self.runs, self.run_seconds = [0] * BUCKETS, 0.0
        self.failures: list[TaskFailures] = []

    def count(self, ending: Ending, task: str, *, is_failure: bool) -> None:
        """Count an end, and by its task what failed."""
        self.endings[place_of(ending)] += 1
        if is_failure:
            is_last = ending is not Ending.RETRIED
            self.failures.append(TaskFailures(task, int(is_last), int(not is_last)))
            if len(self.failures) >= MOST_LISTED:
                self.failures = list(by_task(self.failures))

    def counts(self, queue: str) -> Counts:
        waits = Histogram(tuple(self.waits), self.wait_seconds)
        runs = Histogram(tuple(self.runs), self.run_seconds)
        return Counts(queue, tuple(self.endings), waits, runs, failures=by_task(self.failures))


class Tally:
    """Counts attempts by queue and by tenant, from any thread, each once it is written.

    `own` are the tenants that the worker serves first: what it runs of others is stolen.

    It is about numbers: what a worker that is killed has not handed on is missing, and what was
    handed on twice, since the answer of a database was lost, counts twice.
    """

    def __init__(self, own: Tenants | None = None) -> None:
        self._own = own
        self._lock = threading.Lock()
        self._pages: dict[str, _Page] = {}
        self._servings: dict[str, Serving] = {}
        self._kept: list[Counts] = []
        # Workers started together should not write together.
        self._due_at = monotonic() + COUNT_EVERY * random.random()

    def add(self, batch: Sequence[Ended], states: Sequence[State | None]) -> None:
        """Count attempts with the states they were written with, None for those refused."""
        with self._lock:
            for ended, state in zip(batch, states, strict=True):
                ending = ending_of(ended.outcome.verdict, state)
                page = self._page(ended.claim.queue)
                page.count(ending, ended.claim.task, is_failure=is_failure(ended.outcome, ending))
                if ending is not Ending.LATE and ending is not Ending.RELEASED:
                    wait = _time(page, ended.claim, ended.outcome, ended.duration)
                    self._serve(ended, wait)

    def lose(self, jobs: Iterable[tuple[str, str]]) -> None:
        """Count attempts that ended with their process, by the queue and the task of the job."""
        with self._lock:
            for queue, task in jobs:
                self._page(queue).count(Ending.LOST, task, is_failure=True)

    def lose_leases(self, count: int) -> None:
        """Count workers whose jobs were taken back."""
        with self._lock:
            self._kept.append(Counts("", leases_lost=count))

    def hand_over_due(self, store: Store) -> None:
        """Hand over what was counted, if that is due. In memory it costs nothing and always is."""
        now = monotonic()
        if (self._pages or self._kept or self._servings) and (
            store.is_local or now >= self._due_at
        ):
            self._due_at = now + COUNT_EVERY
            self.hand_over(store)

    def hand_over(self, store: Store) -> None:
        """Add what was counted to the roll-ups of a store; keep it where that fails."""
        with self._lock:
            pages, self._pages = self._pages, {}
            kept, self._kept = self._kept, []
        counted = by_queue([*kept, *(page.counts(queue) for queue, page in pages.items())])
        if counted:
            self._hand_over_counts(store, counted)
        self._hand_over_servings(store)

    def _hand_over_counts(self, store: Store, counted: list[Counts]) -> None:
        try:
            store.count(counted)
        except Exception as error:
            # No job is to suffer from it: the next time it goes along.
            logger.info("%r could not take what was counted: %s", store.alias, told(error))
            drop_connections()
            with self._lock:
                self._kept += counted

    def _hand_over_servings(self, store: Store) -> None:
        with self._lock:
            servings, self._servings = self._servings, {}
        if not servings:
            return
        try:
            store.count_servings(named(servings.values()))
        except Exception as error:
            logger.info("%r could not take what tenants had: %s", store.alias, told(error))
            drop_connections()
            with self._lock:
                for tenant, serving in servings.items():
                    known = self._servings.get(tenant)
                    self._servings[tenant] = serving if known is None else known.plus(serving)

    def _serve(self, ended: Ended, wait: float | None) -> None:
        """Count what a tenant was given; a worker that serves everybody steals nothing."""
        tenant = ended.claim.tenant
        is_stolen = self._own is not None and tenant not in self._own
        given = Serving(
            tenant, 1, ended.duration, int(is_stolen), int(wait is not None), wait or 0.0
        )
        known = self._servings.get(tenant)
        self._servings[tenant] = given if known is None else known.plus(given)

    def _page(self, queue: str) -> _Page:
        page = self._pages.get(queue)
        if page is None:
            page = self._pages[queue] = _Page()
        return page


def is_failure(outcome: Outcome, ending: Ending) -> bool:
    """Tell whether a try failed; who merely asks to run again, or is sent to, has not."""
    if ending is Ending.RETRIED:
        return outcome.error is None or outcome.error.exception_class_path != _ASKED
    return ending is Ending.FAILED


def _time(page: _Page, claim: Claim, outcome: Outcome, duration: float) -> float | None:
    """Count how long an attempt ran; return how long its job had waited, at its first start."""
    if outcome.started_at is None:
        return None
    page.runs[bucket_of(duration)] += 1
    page.run_seconds += duration
    if claim.started_at is not None:
        return None
    since = claim.enqueued_at
    if claim.run_after is not None and claim.run_after > since:
        since = claim.run_after
    waited = max(0.0, (outcome.started_at - since).total_seconds())
    page.waits[bucket_of(waited)] += 1
    page.wait_seconds += waited
    return waited
