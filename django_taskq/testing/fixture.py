"""What the pytest fixtures hand to a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from django_taskq.testing import expectations, runs, time
from django_taskq.testing.inline import inline
from django_taskq.testing.pools import held
from django_taskq.testing.redis import own_redis


class Taskq:
    """The functions of `django_taskq.testing` that a test uses most."""

    run_jobs = staticmethod(runs.run_jobs)
    arun_jobs = staticmethod(runs.arun_jobs)
    enqueued = staticmethod(expectations.enqueued)
    results = staticmethod(expectations.results)
    assert_enqueued = staticmethod(expectations.assert_enqueued)
    assert_not_enqueued = staticmethod(expectations.assert_not_enqueued)
    frozen = staticmethod(time.frozen)


@contextmanager
def under_test(*, is_inline: bool) -> Iterator[Taskq]:
    """Hold all pools, or have enqueue run jobs at once; all stores go by this process's clock.

    Durable jobs that Redis hands out are plain rows meanwhile, others have a PREFIX of their own.
    """
    with time.process_clock(), inline() if is_inline else held(), own_redis():
        yield Taskq()
