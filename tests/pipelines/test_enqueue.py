"""How pipelines are stored: as part of a transaction, on its commit, inline, from async code."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_taskq.control import database_of
from django_taskq.models import Dependency, Job
from django_taskq.pipelines import get_run
from django_taskq.pipelines.run import RunDoesNotExist
from django_taskq.testing import inline
from tests.aliases import every_durable, with_options
from tests.pipelines import steps
from tests.running import run_due

PIPELINE = steps.begin.s([1, 2]) >> steps.double.map() >> steps.gather


@every_durable
def test_a_run_is_part_of_the_callers_transaction(durable: str) -> None:
    database = database_of(durable)
    with transaction.atomic(using=database):
        made = PIPELINE.enqueue(backend=durable)
        assert len(get_run(made.id, durable).results) == 3
        transaction.set_rollback(True, using=database)
    with pytest.raises(RunDoesNotExist):
        made.refresh()
    assert not Job.objects.using(database).exists()
    assert not Dependency.objects.using(database).exists()


@every_durable
def test_a_run_is_stored_on_commit_where_that_is_asked_for(durable: str) -> None:
    database = database_of(durable)
    with with_options(durable, ENQUEUE_ON_COMMIT=database):
        with transaction.atomic(using=database):
            made = PIPELINE.enqueue(backend=durable)
            assert not Job.objects.using(database).exists()
        run_due(durable)
        assert made.wait(timeout=20).results["gather"].return_value == [2, 4]


def test_a_run_is_over_at_once_inline(alias: str) -> None:
    with inline(alias):
        made = PIPELINE.enqueue(backend=alias)
        made.refresh()
    assert made.status == "SUCCESSFUL"
    assert made.results["gather"].return_value == [2, 4]


def test_a_run_is_enqueued_from_async_code(alias: str) -> None:
    made = async_to_sync(PIPELINE.aenqueue)(backend=alias)
    run_due(alias)
    assert made.wait(timeout=20).results["gather"].return_value == [2, 4]


@every_durable
def test_more_steps_take_no_more_statements(durable: str) -> None:
    def statements(count: int) -> int:
        pipeline = steps.pass_on >> [steps.pass_on] * count >> steps.pass_on
        with CaptureQueriesContext(connections[database_of(durable)]) as captured:
            pipeline.enqueue(backend=durable)
        return len(captured)

    statements(2)
    # One more or less: workers are told of new jobs only now and then.
    assert statements(60) <= statements(2) + 1
