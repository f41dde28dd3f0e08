"""Backlogs: what waits and runs of each tenant."""

from datetime import timedelta

from django_taskq.jobs.backlogs import BacklogQuery
from django_taskq.jobs.depths import Depth
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import claim, insert, join


def told(store: Store, *tenants: str, queue: str | None = None) -> dict[str, Depth]:
    """Return the depths of these tenants, or of those that wait."""
    found = store.backlogs(BacklogQuery(tenants or None, queue)).by_tenant
    assert not any(backlog.more for backlog in found.values())
    return {name: backlog.depth for name, backlog in found.items()}


class Counting:
    """The verb `backlogs`; its bounds have a test of their own."""

    def test_what_waits_and_runs_is_told_by_tenant(self, frozen: Store, clock: FrozenClock) -> None:
        first_at = clock.at
        join(frozen)
        insert(frozen, queue="mail", tenant="acme")
        clock.move(60)
        for tenant in ("acme", "", "globex"):
            insert(frozen, queue="mail", tenant=tenant)
        insert(frozen, queue="sms", tenant="acme", priority=100)
        insert(frozen, queue="sms", tenant="acme", gate="task:1")
        insert(frozen, queue="later", tenant="acme", run_after=clock.at + timedelta(hours=1))

        everybody = {"acme": Depth(4, 1), "": Depth(1), "globex": Depth(1)}
        assert told(frozen) == told(frozen, "acme", "", "globex", "nobody") == everybody
        assert told(frozen, "globex", "nobody") == {"globex": Depth(1)}
        within = {"acme": Depth(2), "": Depth(1), "globex": Depth(1)}
        assert told(frozen, queue="mail") == within
        if frozen.has_rows:
            found = frozen.backlogs(BacklogQuery())
            assert found.now == clock.at
            assert found.by_tenant["acme"].oldest_at == first_at
            assert found.by_tenant["globex"].oldest_at == first_at + timedelta(minutes=1)

        assert len(claim(frozen, 3)) == 3
        running = told(frozen, "acme", "", "globex")
        assert sum(depth.running for depth in running.values()) == 3
        assert sum(map(sum, running.values())) == 7

    def test_where_nothing_waits_there_is_no_backlog(self, store: Store) -> None:
        assert told(store) == told(store, "acme") == {}
