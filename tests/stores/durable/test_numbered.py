"""Jobs that are handed over as they were stored, without a look at their rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_taskq.options import Options
from django_taskq.stores.database import PairedRows
from django_taskq.stores.database.vendors import GENERIC, Vendor
from tests.stores.jobs import claim, insert, join, spec
from tests.stores.places import DurablePlace, new_alias, places_with_both

DATABASES = [name for name in ("default", "postgresql", "mysql") if name in settings.DATABASES]


def specs_of_many_kinds() -> list[Any]:
    now = datetime.now(UTC)
    return [
        spec(),
        spec(queue="other", tenant="acme", priority=7),
        spec(run_after=now + timedelta(hours=1)),
        spec(run_after=now - timedelta(hours=1), priority=-3),
        spec(metadata='{"a": 1}', max_tries=4),
        spec(gate="gate", trace='{"trace": "x"}'),
        spec(args='["\\u00e4", 1]', kwargs='{"b": null}', options='{"timeout": 3}'),
    ]


@pytest.mark.parametrize("aging", [None, 2.0])
@pytest.mark.parametrize("vendor", [None, GENERIC], ids=["own", "generic"])
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.django_db(transaction=True, databases=DATABASES)
def test_what_is_told_of_new_jobs_is_what_their_rows_say(
    database: str, vendor: Vendor | None, aging: float | None
) -> None:
    options = Options(database=database, priority_aging=aging)
    rows = PairedRows(new_alias(), options, vendor)
    specs = specs_of_many_kinds()
    for batch in (specs, specs_of_many_kinds()[:1], specs_of_many_kinds()[2:3]):
        inserted, jobs = rows.insert_handed(batch)
        (read,) = rows.read([item.id for item in inserted])
        if not jobs:
            features = connections[database].features
            assert not features.can_return_rows_from_bulk_insert
            continue
        assert sorted(jobs) == read
        assert [job.spec.id for job in jobs] == [item.id for item in inserted]
        assert {item.enqueued_at for item in inserted} == {jobs[0].enqueued_at}


@pytest.fixture(params=places_with_both())
def place(request: pytest.FixtureRequest) -> DurablePlace:
    found: DurablePlace = request.param
    return found


def test_jobs_that_are_stored_outside_a_transaction_are_not_read_again(place: DurablePlace) -> None:
    store: Any = place.open()
    join(store)
    insert(store)
    with CaptureQueriesContext(connections[place.database]) as asked:
        ids = [item.id for item in store.insert([spec() for _ in range(10)])]
    told = [query["sql"] for query in asked]
    assert not [text for text in told if text.startswith("SELECT") and "taskq_job" in text], told
    assert [claimed.id for claimed in claim(store, 50)][1:] == ids
    store.close()


def test_a_job_of_a_savepoint_that_is_rolled_back_never_reaches_redis(place: DurablePlace) -> None:
    store: Any = place.open()
    join(store)
    with transaction.atomic(using=place.database):
        kept = insert(store)
        try:
            with transaction.atomic(using=place.database):
                insert(store)
                raise LookupError
        except LookupError:
            pass
        assert claim(store, 50) == []
    assert [claimed.id for claimed in claim(store, 50)] == [kept]
    assert len(store.line.sweeping.known(0, 10)) == 1
    store.close()
