"""Children of a supervisor killed at random, and what that may do to jobs."""

import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Collection

from tests.deadlines import wait_until
from tests.lifecycle.stage import Stage
from tests.lifecycle.workers import RealWorker


def kill_a_child(worker: RealWorker, chance: random.Random) -> int:
    """Kill one of the processes of a supervisor; return its pid, 0 where it was quicker."""
    pid = chance.choice(wait_until(lambda: worker.children, what="children to be there"))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return pid


def lost_without_cause(stage: Stage, killed: Collection[int]) -> list[str]:
    """Return the jobs that count more deaths than killed processes can account for.

    Children are killed whatever they do, those that try a suspect alone among them. One of these
    may die after it has marked the start of its job, and before the job could write that down.
    """
    jobs_in: dict[int, set[str]] = defaultdict(set)
    for start in stage.journal.events("start"):
        jobs_in[start.pid].add(start.job)
    deaths = Counter(min(jobs_in[pid]) for pid in killed if len(jobs_in[pid]) == 1)
    silent = sum(not jobs_in[pid] for pid in killed)
    excess = {
        record.id: record.lost - deaths[record.id]
        for record in stage.records()
        if record.lost > deaths[record.id]
    }
    return list(excess) if sum(excess.values()) > silent else []
