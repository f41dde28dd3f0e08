"""Database connections of jobs are closed as those of requests are."""

import pytest

from django_taskq import Task
from tests.worker import tasks
from tests.worker.conftest import StartWorker

pytestmark = pytest.mark.django_db(transaction=True, databases=["postgresql"])


@pytest.mark.parametrize("task", [tasks.tell_session, tasks.atell_session], ids=["sync", "async"])
def test_a_job_leaves_no_connection_to_the_next_one(task: Task, start_worker: StartWorker) -> None:
    results = task.using(backend="postgresql").enqueue_many([((), {})] * 3)
    start_worker("postgresql", threads=1, async_concurrency=1, is_burst=True).join()
    for result in results:
        result.refresh()
    assert len({result.return_value for result in results}) == 3
