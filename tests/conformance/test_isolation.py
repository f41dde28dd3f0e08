"""What is kept apart: ids, aliases, processes, the caller's objects and the job's."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.tasks import TaskResultStatus, task_backends
from django.tasks.exceptions import TaskResultDoesNotExist
from django.test import override_settings

from tests.app import tasks
from tests.conformance.conftest import Drain, On
from tests.running import is_durable, run_due
from tests.scripts import run_script


def test_a_result_is_read_from_another_process_where_jobs_are_durable(
    alias: str, on: On, drain: Drain
) -> None:
    result = on(tasks.echo).enqueue({"a": [1, None]})
    drain()
    seen = run_script(
        """
        import sys, django
        django.setup()
        from django.tasks import task_backends
        from django.tasks.exceptions import TaskResultDoesNotExist
        alias, id = sys.argv[1:]
        try:
            result = task_backends[alias].get_result(id)
        except TaskResultDoesNotExist:
            print("unknown")
        else:
            print(result.status, result.return_value, result.attempts)
        """,
        alias,
        result.id,
    )
    # The jobs of a pool live and end with their process.
    expected = "SUCCESSFUL {'a': [1, None]} 1" if is_durable(alias) else "unknown"
    assert seen.output == expected


def test_two_aliases_do_not_see_each_others_jobs(alias: str) -> None:
    entry = settings.TASKS[alias]
    with override_settings(TASKS={alias: entry, "other": entry}):
        ours = tasks.echo.using(backend=alias).enqueue("ours")
        with pytest.raises(TaskResultDoesNotExist):
            task_backends["other"].get_result(ours.id)
        run_due("other")
        if is_durable(alias):
            ours.refresh()
            assert ours.status is TaskResultStatus.READY
        theirs = tasks.echo.using(backend="other").enqueue("theirs")
        run_due(alias)
        with pytest.raises(TaskResultDoesNotExist):
            task_backends[alias].get_result(theirs.id)
        run_due("other")
        for result, value in ((ours, "ours"), (theirs, "theirs")):
            result.refresh()
            assert result.return_value == value
        assert (ours.backend, theirs.backend) == (alias, "other")


def test_ids_are_short_unique_and_in_order_of_time(on: On) -> None:
    task = on(tasks.nothing).using(run_after=timedelta(days=1))
    ids = [task.enqueue().id for _ in range(10)]
    ids += [result.id for result in task.enqueue_many([((), {})] * 500)]
    assert all(isinstance(id, str) and 0 < len(id) < 64 for id in ids)
    assert len(set(ids)) == len(ids)
    # The first twelve digits are the milliseconds.
    moments = [id.replace("-", "")[:12] for id in ids]
    assert moments == sorted(moments)


def test_neither_the_caller_nor_the_job_changes_what_the_other_holds(on: On, drain: Drain) -> None:
    items: list[Any] = ["a"]
    result = on(tasks.spoil).enqueue(items)
    items.append("changed by the caller")
    drain()
    assert items == ["a", "changed by the caller"]
    assert result.args == [["a"]]
    assert result.status is TaskResultStatus.READY
    result.refresh()
    assert result.return_value == ["a", "spoiled"]
    assert task_backends[result.backend].get_result(result.id).args == [["a"]]


def test_results_handed_out_are_apart_from_each_other(on: On, drain: Drain) -> None:
    result = on(tasks.echo).enqueue({"list": [1]})
    drain()
    one, two = on(tasks.echo).get_result(result.id), on(tasks.echo).get_result(result.id)
    one.args[0]["list"].append(2)
    one.return_value["list"].append(2)
    one.worker_ids.clear()
    assert two.args == [{"list": [1]}]
    assert two.return_value == {"list": [1]}
    assert on(tasks.echo).get_result(result.id) == two
