"""A worker that is started before the tables are made says so and ends; an outage it waits out."""

import pytest
from django.core.management import call_command

from tests.lifecycle.own_postgresql import OwnPostgresql
from tests.lifecycle.stage import ALIAS, Stage
from tests.lifecycle.workers import Workers

pytestmark = pytest.mark.lifecycle


@pytest.mark.parametrize("arguments", [(), ("--burst",), ("--reload",)])
def test_before_migrate_a_worker_says_in_one_sentence_what_to_do(
    stage: Stage, workers: Workers, arguments: tuple[str, ...]
) -> None:
    call_command("migrate", "django_taskq", "zero", database=ALIAS, verbosity=0)
    worker = workers.start(*arguments)

    assert worker.wait() == 1
    assert worker.log.strip() == (
        "CommandError: 'default' cannot be worked: The database 'stage' lacks the tables "
        "taskq_attempt, taskq_dependency, taskq_job, taskq_limit, taskq_queue, taskq_tenant, "
        "taskq_worker, taskq_xcom: run manage.py migrate --database stage."
    )


@pytest.mark.parametrize("stage", ["own_postgresql"], indirect=True)
def test_a_worker_started_during_an_outage_works_when_the_database_is_back(
    stage: Stage, workers: Workers, own_postgresql: OwnPostgresql
) -> None:
    own_postgresql.stop()
    worker = workers.start()
    worker.wait_for_log("does not answer, trying again")
    own_postgresql.start()

    worker.wait_working()
