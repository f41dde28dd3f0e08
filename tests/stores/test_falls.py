"""Jobs that fell, kept until somebody tells of them."""

import pytest
from django.db import OperationalError
from django.tasks import TaskResult

from django_taskq.control import store_of, take_fallen
from django_taskq.jobs.record import JobRecord
from django_taskq.signals import job_canceled
from django_taskq.stores.falls import MOST, Falls
from tests.aliases import alias_fixture
from tests.stores.jobs import insert

alias = alias_fixture()


def test_the_newest_are_kept_while_nobody_asks() -> None:
    falls = Falls()
    falls.note(str(number) for number in range(MOST + 5))
    taken = falls.take()
    assert (taken[0], taken[-1], len(taken)) == ("5", str(MOST + 4), MOST)
    assert falls.take() == []


def test_what_could_not_be_told_is_told_the_next_time(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(alias)
    id = insert(store)
    store.falls.note([id])
    told: list[str] = []

    def hear(task_result: TaskResult, **kwargs: object) -> None:
        told.append(task_result.id)

    def away(ids: object) -> list[JobRecord]:
        raise OperationalError("The database is away.")

    job_canceled.connect(hear)
    with monkeypatch.context() as outage:
        outage.setattr(store, "get", away)
        with pytest.raises(OperationalError):
            take_fallen(store)
    assert told == []
    take_fallen(store)
    take_fallen(store)
    job_canceled.disconnect(hear)
    assert told == [id]
