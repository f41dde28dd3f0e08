"""Backlogs: what waits and runs of each queue and each tenant."""

from datetime import timedelta

from django_taskq.jobs.backlogs import BacklogQuery
from django_taskq.jobs.depths import Depth
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.jobs import claim, insert, join


class Counting:
    """The verb `backlogs`; its bounds have a test of their own."""

    def test_what_waits_and_runs_is_told_by_queue_and_by_tenant(
        self, frozen: Store, clock: FrozenClock
    ) -> None:
        first_at = clock.at
        join(frozen)
        insert(frozen, queue="mail", tenant="acme")
        clock.move(60)
        for tenant in ("acme", "", "globex"):
            insert(frozen, queue="mail", tenant=tenant)
        insert(frozen, queue="sms", tenant="acme", priority=100)
        insert(frozen, queue="sms", tenant="acme", gate="task:1")
        later = clock.at + timedelta(hours=1)
        insert(frozen, queue="later", tenant="acme", run_after=later)

        queues = frozen.backlogs(BacklogQuery())
        assert queues.now == clock.at
        told = {name: backlog.depth for name, backlog in queues.by_name.items()}
        assert told == {"mail": Depth(4), "sms": Depth(2), "later": Depth(0, 1)}
        assert not any(backlog.more for backlog in queues.by_name.values())

        tenants = frozen.backlogs(BacklogQuery(is_by_tenant=True)).by_name
        assert {name: backlog.depth for name, backlog in tenants.items()} == {
            "acme": Depth(4, 1), "": Depth(1), "globex": Depth(1),
        }  # fmt: skip
        chosen = frozen.backlogs(BacklogQuery(True, ("globex", "nobody"))).by_name
        assert {name: backlog.depth for name, backlog in chosen.items()} == {"globex": Depth(1)}
        within = frozen.backlogs(BacklogQuery(True, queue="mail")).by_name
        assert {name: backlog.depth for name, backlog in within.items()} == {
            "acme": Depth(2), "": Depth(1), "globex": Depth(1),
        }  # fmt: skip
        if frozen.has_rows:
            assert queues.by_name["mail"].oldest_at == first_at
            assert tenants["acme"].oldest_at == first_at
            assert tenants["globex"].oldest_at == first_at + timedelta(minutes=1)

        assert len(claim(frozen, 3)) == 3
        running = frozen.backlogs(BacklogQuery()).by_name
        assert sum(backlog.depth.running for backlog in running.values()) == 3
        assert sum(sum(backlog.depth) for backlog in running.values()) == 7

    def test_where_nothing_waits_there_is_no_backlog(self, store: Store) -> None:
        assert store.backlogs(BacklogQuery()).by_name == {}
        assert store.backlogs(BacklogQuery(True, ("acme",))).by_name == {}
