import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

import django_taskq
from django_taskq.jobs.states import State
from django_taskq.models import Job


def parse(chunks: Iterator[bytes]) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the data of each event, without the lines that only show life."""
    events = []
    for chunk in chunks:
        if not chunk.startswith(b":"):
            name, data = chunk.decode().removesuffix("\n\n").split("\n")
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


@pytest.fixture
def result(customer: Any) -> Any:
    from example_project.desk.tasks import write_report

    return write_report.using(tenant=customer.slug).enqueue(customer.slug)


def test_a_job_that_has_ended_closes_the_stream(client: Client, customer: Any, result: Any) -> None:
    django_taskq.cancel(result)
    response = client.get(f"/customers/acme/jobs/{result.id}/events/")
    assert response.headers["Content-Type"] == "text/event-stream"
    assert "no-cache" in response.headers["Cache-Control"]
    assert [(name, now["state"]) for name, now in parse(response.streaming_content)] == [
        ("state", State.CANCELED),
        ("end", State.CANCELED),
    ]


def test_progress_is_told_while_the_job_runs(result: Any) -> None:
    from example_project.desk.events import follow

    events = follow(result)
    assert parse([next(events)])[0][1]["state"] == State.READY
    Job.objects.update(state=State.RUNNING, progress='[3, 10, "three\\nof ten"]')
    told = dict(parse([next(events)]))["state"]
    assert (told["state"], told["done"], told["total"]) == (State.RUNNING, 3, 10)
    assert told["message"] == "three\nof ten"
    assert next(events).startswith(b":")


def test_the_stream_ends_at_its_deadline(result: Any) -> None:
    from example_project.desk.events import follow

    assert [name for name, _ in parse(follow(result, longest=0))] == ["state"]


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_job_is_told_at_once(result: Any) -> None:
    from example_project.desk import events

    stream = events.follow(result)
    next(stream)

    def cancel() -> None:
        django_taskq.cancel(result)
        connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    assert parse(stream)[-1][1]["state"] == State.CANCELED
    thread.join()
