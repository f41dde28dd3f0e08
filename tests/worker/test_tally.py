"""What a worker counts, and that no trouble with it reaches a job."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django_taskq.jobs.claim import TryError
from django_taskq.jobs.counts import Counts, Ending, TaskFailures
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.rollups import Span
from django_taskq.jobs.servings import Serving
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.options import Options
from django_taskq.stores.memory import MemoryStore
from django_taskq.worker.tally import Tally

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def ended(verdict: Verdict, ran: float = 2.0, **of_claim: Any) -> Any:
    """Return an attempt of a job enqueued a minute before it started."""
    known = {
        "queue": "mail",
        "tenant": "acme",
        "task": "shop.tasks.send",
        "enqueued_at": NOW,
        "run_after": None,
        "started_at": None,
    }
    claim = SimpleNamespace(**{**known, **of_claim})
    outcome = Outcome(1, 1, verdict, started_at=NOW + timedelta(minutes=1))
    return SimpleNamespace(claim=claim, outcome=outcome, duration=ran)


def handed_over(tally: Tally) -> list[Counts]:
    store = MemoryStore("threads", Options())
    tally.hand_over(store)
    return [rollup.counts for rollup in store.rollups(Span.EVER)]


def test_the_wait_ends_with_the_first_start_and_begins_when_it_could() -> None:
    tally = Tally()
    batch = [
        ended(Verdict.RETRY),
        ended(Verdict.SUCCEEDED, started_at=NOW),
        ended(Verdict.SUCCEEDED, run_after=NOW + timedelta(seconds=50)),
        ended(Verdict.SUCCEEDED, run_after=NOW - timedelta(days=1)),
    ]
    tally.add(batch, [State.READY, *[State.SUCCESSFUL] * 3])
    (counts,) = handed_over(tally)
    assert (counts.waits.total, counts.waits.seconds) == (3, 60 + 10 + 60)
    assert (counts.runs.total, counts.runs.seconds) == (4, 8)
    assert (counts.of(Ending.RETRIED), counts.of(Ending.SUCCESSFUL)) == (1, 3)


def test_failed_tries_are_counted_by_task_and_a_job_that_asks_to_run_again_is_none() -> None:
    def failed(verdict: Verdict, error: str, task: str = "shop.tasks.send") -> Any:
        made = ended(verdict, task=task)
        made.outcome = made.outcome._replace(error=TryError(error, ""))
        return made

    tally = Tally()
    tally.add(
        [
            failed(Verdict.RETRY, "builtins.ValueError"),
            failed(Verdict.RETRY, "django_taskq.exceptions.RetryError"),
            failed(Verdict.FAILED, "builtins.ValueError", "shop.tasks.pay"),
            failed(Verdict.RETRY, "builtins.ValueError"),
            ended(Verdict.SUCCEEDED),
        ],
        [State.SCHEDULED, State.SCHEDULED, State.FAILED, State.READY, State.SUCCESSFUL],
    )
    tally.lose([("mail", "shop.tasks.pay")])
    (counts,) = handed_over(tally)
    assert counts.failures == (
        TaskFailures("shop.tasks.pay", 2, 0),
        TaskFailures("shop.tasks.send", 0, 2),
    )


def test_what_was_refused_or_given_back_has_no_times() -> None:
    tally = Tally()
    tally.add([ended(Verdict.SUCCEEDED), ended(Verdict.RELEASED)], [None, State.READY])
    (counts,) = handed_over(tally)
    assert (counts.of(Ending.LATE), counts.of(Ending.RELEASED)) == (1, 1)
    assert counts.runs.total == counts.waits.total == 0


def test_what_a_store_could_not_take_goes_along_the_next_time() -> None:
    class Broken:
        alias = "broken"

        def count(self, counted: object) -> None:
            raise OSError("no route to host")

    tally = Tally()
    tally.lose([("mail", "shop.tasks.send")] * 2)
    tally.hand_over(Broken())  # type: ignore[arg-type]
    tally.lose([("mail", "shop.tasks.send")])
    tally.lose_leases(1)
    leases, mail = handed_over(tally)
    assert (leases.queue, leases.leases_lost) == ("", 1)
    assert mail.of(Ending.LOST) == 3
    assert handed_over(tally) == []


class Keeper:
    """A store that keeps what it is handed."""

    alias = "keeper"
    is_local = False

    def __init__(self) -> None:
        self.servings: list[Serving] = []
        self.is_broken = False

    def count(self, counted: object) -> None:
        pass

    def count_servings(self, servings: list[Serving]) -> None:
        if self.is_broken:
            raise OSError("no route to host")
        self.servings += servings


def test_each_tenant_is_told_what_it_was_given_and_what_of_it_was_stolen() -> None:
    tally, keeper = Tally(own=Tenants(["acme"])), Keeper()
    batch = [
        ended(Verdict.SUCCEEDED),
        ended(Verdict.RETRY, started_at=NOW),
        ended(Verdict.SUCCEEDED, tenant="globex"),
        ended(Verdict.RELEASED, tenant="globex"),
    ]
    tally.add(batch, [State.SUCCESSFUL, State.READY, State.SUCCESSFUL, State.READY])
    keeper.is_broken = True
    tally.hand_over(keeper)  # type: ignore[arg-type]
    tally.add(batch[:1], [State.SUCCESSFUL])
    keeper.is_broken = False
    tally.hand_over(keeper)  # type: ignore[arg-type]
    assert keeper.servings == [
        Serving("acme", 3, 6.0, 0, 2, 120.0), Serving("globex", 1, 2.0, 1, 1, 60.0),
    ]  # fmt: skip


def test_of_ten_thousand_tenants_those_with_little_are_written_as_one() -> None:
    tally, keeper = Tally(), Keeper()
    batch = [ended(Verdict.SUCCEEDED, 0.001, tenant=f"tenant{n}") for n in range(10_000)]
    batch += [ended(Verdict.SUCCEEDED, 5.0, tenant="large")]
    tally.add(batch, [State.SUCCESSFUL] * len(batch))
    tally.hand_over(keeper)  # type: ignore[arg-type]
    large, rest = keeper.servings
    assert (large.tenant, large.seconds) == ("large", 5.0)
    assert (rest.is_rest, rest.attempts, round(rest.seconds, 3)) == (True, 10_000, 10.0)
