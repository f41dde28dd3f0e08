"""manage.py job amend: what it changes, what it prints, and the status it ends with."""

from datetime import timedelta

from django_taskq.control import get_job
from tests.app import tasks
from tests.each_database import on_all_databases, on_each_database
from tests.management.calls import call
from tests.running import run_due


@on_each_database
def test_a_waiting_job_gets_its_queue_and_priority(alias: str) -> None:
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1).id
    ready = tasks.echo.using(backend=alias).enqueue(2).id
    called = call(
        "job", "amend", later, ready, "--backend", alias, "--queue", "emails", "--priority", "-5"
    )
    assert called.status == 0
    for id in (later, ready):
        assert id in called.out
        assert (get_job(id, alias).queue, get_job(id, alias).priority) == ("emails", -5)


@on_each_database
def test_a_job_that_has_ended_stays_and_the_status_says_so(alias: str) -> None:
    done = tasks.echo.using(backend=alias).enqueue(1).id
    run_due(alias)
    called = call("job", "amend", done, "--backend", alias, "--priority", "5", "--format", "json")
    assert called.status == 1
    assert called.json[0]["note"] == "only jobs that wait can"
    assert "1 of 1 job stayed as before" in called.err
    assert get_job(done, alias).priority == 0


@on_all_databases
def test_what_no_job_can_have_is_refused_before_anything_changes() -> None:
    id = tasks.echo.enqueue(1).id
    for options, told in (
        ([], "Expected a queue, a priority or both"),
        (["--queue", ""], "queue: expected a name, got ''."),
        (["--queue", "a\nb"], "queue: expected printable characters only"),
    ):
        called = call("job", "amend", id, *options)
        assert called.status == 2, options
        assert told in called.err
    assert (get_job(id).queue, get_job(id).priority) == ("default", 0)
