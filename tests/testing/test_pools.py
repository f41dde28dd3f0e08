"""A held pool runs nothing by itself."""

import pytest
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist

from django_taskq import get_job, wait
from django_taskq.testing import enqueued, held, run_jobs
from tests.app import tasks
from tests.running import POOLS


@pytest.mark.parametrize("alias", POOLS)
def test_a_held_pool_begins_empty_and_leaves_nothing_behind(alias: str) -> None:
    echo = tasks.echo.using(backend=alias)
    with held(alias):
        ready, ended = echo.enqueue(1), echo.enqueue(2)
        assert [each.return_value for each in run_jobs(alias, limit=1)] == [1]
        assert get_job(ended).state == "READY"
    with held(alias):
        assert enqueued(echo) == []
        with pytest.raises(TaskResultDoesNotExist):
            ready.refresh()


def test_a_pool_runs_by_itself_before_and_after() -> None:
    echo = tasks.echo.using(backend="threads")
    assert wait(echo.enqueue(1), timeout=30).return_value == 1
    with held(), held("threads"):
        pass
    assert wait(echo.enqueue(2), timeout=30).return_value == 2


def test_an_inner_hold_does_not_let_go_of_the_outer_one() -> None:
    with held():
        with held("threads"):
            pass
        tasks.echo.using(backend="threads").enqueue(1)
        assert len(run_jobs("threads")) == 1


def test_what_is_no_pool_is_refused() -> None:
    with pytest.raises(InvalidTaskBackend, match="thread or process pool, got 'default'"):
        held("default").__enter__()
