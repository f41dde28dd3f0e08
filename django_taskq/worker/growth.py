"""Mapped steps: the end of an attempt that is to become one job for each item."""

from django_taskq.jobs import payload
from django_taskq.jobs.expansion import EXPAND, grown
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store
from django_taskq.worker.run import Ended


def grows(ended: Ended) -> bool:
    """Tell whether an attempt has found the items over which its step is mapped."""
    return (
        ended.claim.task == EXPAND
        and ended.outcome.verdict is Verdict.SUCCEEDED
        and ended.claim.run_id is not None
    )


def grow(store: Store, ended: Ended) -> State | None:
    """Have the job become those of its items, its result their number; return its new state.

    None where the fence refuses, as it does the second time.
    """
    claim, outcome = ended.claim, ended.outcome
    items = payload.decode(outcome.result or "[]")
    specs = grown(
        claim.id,
        claim.args,
        Origin(run_id=claim.run_id, node=claim.node),
        items,
        queue=claim.queue,
        tenant=claim.tenant,
        priority=claim.priority,
    )
    counted = outcome._replace(result=str(len(items)))
    return store.expand(claim.worker_id, counted, specs)
