"""The sentence that says why a job is not running, for each set of facts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_taskq.jobs.assignment import Assignment
from django_taskq.jobs.explanation import explain
from django_taskq.jobs.limits import Limit
from django_taskq.jobs.outlook import MOST_AHEAD, MOST_UPSTREAMS, Awaited, Closed, Outlook
from django_taskq.jobs.rate import Rate
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import Sighting
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.workers import WorkerRecord

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-11-24 12:00:00+00:00"
TASK = "shop.tasks.work"


def record(state: State | str = State.READY, **values: Any) -> JobRecord:
    """Return a job; nothing is known of it but what is given."""
    fields: dict[str, Any] = dict.fromkeys(JobRecord.__dataclass_fields__)
    told = {
        "seq": 1, "id": "j", "task": TASK, "queue": "mail", "tenant": "acme", "tries": 0,
        "gate": "", "is_blocked": False, "state": state,
    }  # fmt: skip
    return JobRecord(**(fields | told | values))


def worker(id: str = "w1", **values: Any) -> WorkerRecord:
    """Return a worker that lives."""
    told = {"queues": None, "is_alive": True, "running": 0}
    moments = dict.fromkeys(("started_at", "beat_at", "expires_at"), NOW)
    return WorkerRecord(id=id, name=id, host="h", pid=1, **(told | moments | values))


def told(job: JobRecord, error: str | None = None, **facts: Any) -> str:
    """Return the sentence about a job with a live worker, unless told otherwise."""
    facts = {"now": NOW, "workers": (worker(),), **facts}
    return explain(Outlook(record=job, **facts), error)


def closed(key: str, opens_in: float | None = None, **values: Any) -> Closed:
    return Closed(Limit(key, **values), opens_in)


SEEN = Sighting(NOW, NOW, 0, "w1", "The task 'x' cannot be imported: no module")
READY: list[tuple[dict[str, Any], str]] = [
    ({"is_queue_paused": True, "workers": ()}, "Its queue 'mail' is paused: resume it."),
    ({"is_tenant_paused": True}, "Its tenant 'acme' is paused: resume it."),
    ({"workers": ()}, "No worker is alive: start one by manage.py runworker."),
    ({"workers": (worker(is_alive=False),)},
     f"No worker is alive, w1 was last heard of at {AT}: start one by manage.py runworker."),
    ({"workers": (), "is_local": True},
     "No worker is alive: the pool of this process is held, closed or has not started."),
    ({"workers": (worker(is_solo=True),)},
     f"No worker is alive, w1 was last heard of at {AT}: start one by manage.py runworker."),
    ({"workers": (worker(queues=("default",)), worker("w2", queues=("slow",), is_alive=False))},
     "No worker serves its queue 'mail': the 1 live worker serves others."),
    ({"workers": (worker(assignment=Assignment(("globex",), 1)), worker("w2", queues=("slow",)))},
     "No worker serves its tenant 'acme' in the queue 'mail': the 2 live workers serve others."),
    ({"sighting": SEEN, "ahead": 2},
     (f"Worker w1 could not load it, and gave it back to others until {AT}: The task 'x' cannot be "
     "imported: no module.")),
    ({"closed": (closed("task:shop.tasks.work", max_running=2),)},
     ("Its task shop.tasks.work has as many jobs running as it may (max_running 2): this one "
     "starts when one of them has ended.")),
    ({"closed": (closed("queue:mail", max_running=1), closed("tenant:acme", 9, rate=Rate(1, 1)))},
     ("Its queue 'mail' has as many jobs running as it may (max_running 1): this one starts when "
     "one of them has ended.")),
    ({"closed": (closed("schedule_id:7", max_running=1),)},
     ("The schedule that made it has as many jobs running as it may (max_running 1): this one "
     "starts when one of them has ended.")),
    ({"closed": (closed("tenant:acme", 720.0, rate=Rate(5, 3600.0)),)},
     ("Its tenant 'acme' has started as many jobs as it may (max_rate 5/h): the next one may start "
     "in 12 min.")),
    ({"ahead": 0, "beside": 1},
     "It is ready and the next of its tenant 'acme': it starts when a worker has a slot free."),
    ({"ahead": 1, "beside": 2}, "It is ready, behind 1 job of its tenant 'acme'."),
    ({"ahead": MOST_AHEAD + 1, "beside": MOST_AHEAD + 1},
     "It is ready, behind more than 1000 jobs of its tenant 'acme'."),
    ({"ahead": 12, "beside": MOST_AHEAD + 1},
     ("It is ready, behind about 12 jobs of its tenant 'acme'; more than 1000 jobs are ready in "
     "the queue, and tenants and tasks with limits take turns.")),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "sentence"), READY)
def test_a_ready_job_waits_for_the_first_thing_that_an_operator_has_to_change(
    facts: dict[str, Any], sentence: str
) -> None:
    assert told(record(), **facts) == sentence


@pytest.mark.parametrize(
    "assignment",
    [
        Assignment(("acme",), 1),
        Assignment(("globex",), 1, ("acme",), 1),
        Assignment(("globex",), 1, is_stealing_from_all=True),
        Assignment(("globex",), 2),
        Assignment(("globex",), 1, ("initech",), 2),
    ],
)
def test_a_worker_that_may_take_the_tenant_is_no_reason(assignment: Assignment) -> None:
    assert told(record(), workers=(worker(assignment=assignment),), ahead=3).startswith(
        "It is ready"
    )


def test_a_job_without_a_tenant_is_behind_those_of_its_queue() -> None:
    assert told(record(tenant=""), ahead=2) == "It is ready, behind about 2 jobs of its queue."
    assert told(record(tenant=""), is_tenant_paused=True).startswith("Its tenant (none) is paused")


def test_a_suspect_waits_to_run_alone() -> None:
    apart = record(parked_for="suspect")
    assert told(apart) == "Waits to run alone, since its worker died while it ran."
    assert told(apart, workers=()).startswith("No worker is alive")


def test_a_task_that_this_process_cannot_import_is_told_last() -> None:
    paused = told(record(), "It is gone", is_queue_paused=True)
    assert paused == "Its queue 'mail' is paused: resume it."
    assert told(record(), "It is gone", ahead=5) == (
        "This process cannot import its task, and a worker with the same code gives it back: It is "
        "gone."
    )


IN_FIVE = "2026-11-24 12:05:00+00:00 (in 5 min)"
SCHEDULED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, f"It waits until {IN_FIVE}."),
    ({"tries": 2, "max_tries": 3}, {}, f"It waits until {IN_FIVE} for another try, after 2 of 3."),
    ({"tries": 2}, {}, f"It waits until {IN_FIVE} for another try, after 2."),
    ({"tries": 2}, {"sighting": SEEN},
     (f"Worker w1 could not load it, and gave it back to others until {AT}: The task 'x' cannot be "
     f"imported: no module. It is offered again at {IN_FIVE}.")),
    ({"due_at": NOW}, {}, f"It was due at {AT}: a worker makes it ready within seconds."),
    ({"due_at": NOW}, {"workers": ()}, "No worker is alive: start one by manage.py runworker."),
]  # fmt: skip


@pytest.mark.parametrize(("values", "facts", "sentence"), SCHEDULED)
def test_a_scheduled_job_waits_for_its_time(
    values: dict[str, Any], facts: dict[str, Any], sentence: str
) -> None:
    job = record(State.SCHEDULED, **{"due_at": NOW + timedelta(minutes=5), **values})
    assert told(job, **facts) == sentence


UP = Awaited("u1", None, TASK, "RUNNING")
DEFERRED: list[tuple[dict[str, Any], tuple[Awaited, ...], str]] = [
    ({}, (UP,), "It waits for job u1 (shop.tasks.work, RUNNING)."),
    ({}, (UP, UP), "It waits for job u1 (shop.tasks.work, RUNNING) and 1 other."),
    ({}, (UP,) * 3, "It waits for job u1 (shop.tasks.work, RUNNING) and 2 others."),
    ({}, (UP,) * (MOST_UPSTREAMS + 1),
     "It waits for job u1 (shop.tasks.work, RUNNING) and more than 2 others."),
    ({}, (Awaited(None, "nightly", None, None),),
     "It waits for a job with the task_id 'nightly', which is not there yet."),
    ({"trigger_rule": "all_done"}, (UP,),
     "It waits for job u1 (shop.tasks.work, RUNNING), by its trigger rule all_done."),
    ({"trigger_rule": "all_success"}, (UP,), "It waits for job u1 (shop.tasks.work, RUNNING)."),
    ({}, (), "All that it waited for has ended: a worker decides about it within seconds."),
    ({"is_blocked": True, "blocked_for": "Job u1 failed."}, (UP,), "Job u1 failed."),
]  # fmt: skip


@pytest.mark.parametrize(("values", "awaited", "sentence"), DEFERRED)
def test_a_deferred_job_waits_for_others(
    values: dict[str, Any], awaited: tuple[Awaited, ...], sentence: str
) -> None:
    assert told(record(State.DEFERRED, **values), awaited=awaited) == sentence


RUNNING: list[tuple[dict[str, Any], tuple[WorkerRecord, ...], str]] = [
    ({"last_attempted_at": NOW}, (worker(),), f"It is running since {AT} on worker w1."),
    ({"last_attempted_at": NOW, "cancel_asked_at": NOW}, (worker(is_solo=True),),
     f"It was asked to stop at {AT} and is running since {AT} on worker w1."),
    ({"last_attempted_at": NOW - timedelta(seconds=1)}, (worker(),),
     f"It was taken by worker w1 at {AT}, which has told of no start yet."),
    ({}, (worker(is_alive=False), worker("w2")),
     f"Its worker w1 has been silent since {AT}: a live worker takes the job back within seconds."),
    ({}, (), ("Its worker w1 is not there any more, and no other is alive that could take the job "
     "back: start one by manage.py runworker.")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "workers", "sentence"), RUNNING)
def test_a_running_job_tells_since_when_and_where(
    values: dict[str, Any], workers: tuple[WorkerRecord, ...], sentence: str
) -> None:
    job = record(State.RUNNING, worker_id="w1", claimed_at=NOW, **values)
    assert told(job, workers=workers) == sentence


def test_an_ended_job_and_one_of_a_later_release_say_so() -> None:
    failed = record(State.FAILED, failure=Failure.ERROR, finished_at=NOW)
    assert told(failed) == f"It has ended as FAILED (error) at {AT}."
    assert "HIBERNATING, a state of a later release" in told(record("HIBERNATING"))
