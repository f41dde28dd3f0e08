"""The metrics: what of a backend's numbers stands under which name."""

from collections import Counter
from collections.abc import Iterator, Mapping

from django_taskq.jobs.counts import ENDINGS, Counts, Ending
from django_taskq.jobs.insights import Insights
from django_taskq.jobs.states import State
from django_taskq.metrics.exposition import Family
from django_taskq.metrics.readings import Reading
from django_taskq.punctuality import Punctuality
from django_taskq.questions import NoAnswer

UNFINISHED = (State.READY, State.SCHEDULED, State.DEFERRED, State.RUNNING)


class Page:
    """All families, filled backend by backend. Tenants may be many, so they are asked for."""

    def __init__(self, *, has_tenants: bool = False) -> None:
        self.up = Family("taskq_backend_up", "gauge", "Whether the backend has answered; 1 is yes.")
        self.jobs = Family("taskq_jobs", "gauge", "Unfinished jobs by state.")
        self.tenant_jobs = Family("taskq_tenant_jobs", "gauge", "Unfinished jobs by tenant.")
        self.oldest = Family(
            "taskq_oldest_ready_age_seconds", "gauge", "How long the oldest ready job has waited."
        )
        self.workers = Family("taskq_workers", "gauge", "Workers that are alive, or known as dead.")
        self.stall = Family(
            "taskq_worker_stall_seconds",
            "gauge",
            "The longest for which the claim loop of a live worker stood still at its heartbeat.",
        )
        self.attempts = Family(
            "taskq_attempts_total", "counter", "Attempts that have ended, by outcome."
        )
        self.late = Family(
            "taskq_late_results_total", "counter", "Results refused, since the job had gone on."
        )
        self.wait = Family(
            "taskq_wait_seconds", "histogram", "From when a job could start to its first start."
        )
        self.run = Family("taskq_run_seconds", "histogram", "How long attempts ran.")
        self.leases = Family(
            "taskq_leases_lost_total", "counter", "Workers whose jobs were taken back from them."
        )
        self.ticks = Family(
            "taskq_schedule_ticks", "gauge", "Ticks decided in the last 15 minutes, by decision."
        )
        self.lateness = Family(
            "taskq_schedule_lateness_seconds",
            "gauge",
            "The most that a tick of the last 15 minutes came late.",
        )
        self.overdue = Family(
            "taskq_schedule_overdue_seconds",
            "gauge",
            "For how long the longest due tick has waited to be decided.",
        )
        self.has_tenants = has_tenants

    @property
    def families(self) -> tuple[Family, ...]:
        """All of them, in the order of the page."""
        tenants = (self.tenant_jobs,) if self.has_tenants else ()
        return (
            self.up, self.jobs, *tenants, self.oldest, self.workers, self.stall, self.attempts,
            self.late, self.wait, self.run, self.leases, self.ticks, self.lateness, self.overdue,
        )  # fmt: skip

    def add(self, alias: str, reading: Reading | NoAnswer) -> None:
        """Add a backend, up or down."""
        if isinstance(reading, NoAnswer):
            self.up.add(0, backend=alias)
            return
        labels = {"backend": alias}
        if reading.process is not None:
            labels["process"] = reading.process
        self.up.add(1, backend=alias)
        self._add_insights(reading.insights, labels)
        self._add_counts(reading.counts, labels)
        if reading.punctuality is not None:
            self._add_punctuality(reading.punctuality, labels)

    def _add_insights(self, insights: Insights, labels: Mapping[str, str]) -> None:
        depths: Counter[tuple[str, str]] = Counter()
        for lane in insights.lanes:
            depths[lane.queue, lane.state] += lane.count
            if self.has_tenants:
                self.tenant_jobs.add(
                    lane.count, **labels, queue=lane.queue, tenant=lane.tenant, state=lane.state
                )
        for queue in sorted({queue for queue, _ in depths}):
            for state in UNFINISHED:
                self.jobs.add(depths[queue, state.value], **labels, queue=queue, state=state.value)
        for queue, age in _ages(insights):
            self.oldest.add(age, **labels, queue=queue)
        alive = [worker for worker in insights.workers if worker.is_alive]
        self.workers.add(len(alive), **labels, state="alive")
        self.workers.add(len(insights.workers) - len(alive), **labels, state="lost")
        stalls = (worker.stall.total_seconds() for worker in alive)
        self.stall.add(max(stalls, default=0.0), **labels)

    def _add_counts(self, counted: list[Counts], labels: Mapping[str, str]) -> None:
        for counts in counted:
            if not any(counts.endings):
                continue
            within = {**labels, "queue": counts.queue}
            for ending in ENDINGS:
                if ending is not Ending.LATE:
                    self.attempts.add(counts.of(ending), **within, outcome=ending.value)
            self.late.add(counts.of(Ending.LATE), **within)
            self.wait.add_histogram(counts.waits, **within)
            self.run.add_histogram(counts.runs, **within)
        self.leases.add(sum(counts.leases_lost for counts in counted), **labels)

    def _add_punctuality(self, punctuality: Punctuality, labels: Mapping[str, str]) -> None:
        for decision, count in sorted(punctuality.ticks.items()):
            self.ticks.add(count, **labels, decision=decision)
        self.lateness.add(punctuality.late, **labels)
        self.overdue.add(punctuality.overdue, **labels)


def make_page(readings: Mapping[str, Reading | NoAnswer], *, has_tenants: bool = False) -> Page:
    """Return the metrics of these backends."""
    page = Page(has_tenants=has_tenants)
    for alias, reading in readings.items():
        page.add(alias, reading)
    return page


def _ages(insights: Insights) -> Iterator[tuple[str, float]]:
    """Return how long the oldest ready job of each queue has waited, 0 where none is ready."""
    queues = {lane.queue for lane in insights.lanes} | insights.oldest_by_queue.keys()
    for queue in sorted(queues):
        since = insights.oldest_by_queue.get(queue)
        age = 0.0 if since is None else (insights.now - since).total_seconds()
        yield queue, max(0.0, age)
