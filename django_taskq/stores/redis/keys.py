"""Every key that an alias keeps in Redis.

All begin with one hash tag, `{PREFIX:alias}`, so that a Cluster holds an alias in one slot and a
script may touch all of its keys. `seq` is the number of a job, 16 digits, so that equal ranks
stand in the order of insertion. A `lane` is written `band:len(queue):len(gate):` and then the
names of queue, gate and tenant, a `ring` is that without the tenant. A `space` is `len(tenant):`
and the names of a tenant and a namespace of XCom values, a `slot` is `len(space):`, a space and a
key.
"""

# What the scripts call a key, its type, and what it holds.
CATALOGUE = {
    "seq": ("string", "the number of the newest job; begins anew at the present microsecond"),
    "epoch": ("string", "what Redis holds: a name for it, or, with rows, its number and server"),
    "epoch:": ("string", "copies of that, for where single keys are evicted"),
    "jobs": ("zset", "the public ids of all jobs here, by number"),
    "job:": ("hash", "one job, by number: its spec as JSON, and what changes of it"),
    "lane:": ("zset", "the numbers of the ready jobs of a lane behind one gate, by rank"),
    "ring:": ("zset", "the tenants with ready jobs in a queue, band and gate, by name"),
    "gates:": ("zset", "the gates with ready jobs in a band and queue, by name"),
    "queues:": ("zset", "the queues with ready jobs in a band, by name"),
    "suspects": ("zset", "the numbers of ready jobs that stand apart, by rank"),
    "due": ("zset", "the numbers of the scheduled jobs, by the microsecond at which they are due"),
    "waiting": ("hash", "how many jobs are scheduled or deferred, by state, queue and tenant"),
    "hand:": ("set", "the numbers of the jobs that a worker holds"),
    "hands": ("set", "the workers that hold jobs"),
    "asked:": ("set", "the numbers of a worker's jobs that were asked to stop"),
    "running": ("hash", "how many jobs run, by task, tenant and queue"),
    "rate:": ("string", "when the next start under a limit is due; expires when it says nothing"),
    "rules:": ("hash", "what operators say of tenants and queues, by a digest of it; expires"),
    "unique": ("hash", "the numbers of unfinished jobs with a predictable id, by its key"),
    "ended": ("zset", "the numbers of ended jobs that are not archived yet, by when they ended"),
    "over:": ("string", "says that a job ended as a row before it came here; expires"),
    "archiver": ("string", "who archives now; expires"),
    "sweeper": ("string", "who looks for what rows and Redis do not know of one another; expires"),
    "sweep": ("string", "how far a look at all of that has come"),
    "swept": ("string", "is there for as long as nobody begins a look at all; expires"),
    "pushes": ("string", "the number of the newest XCom value"),
    "xcom:": (
        "hash",
        "one XCom value, by number: its space and key, whose it is; expires by `prune`",
    ),
    "slot:": ("zset", "the numbers of the XCom values under one key of a space, by number"),
    "space:": ("zset", "the keys of a space, by name"),
    "spaces": ("zset", "the spaces with XCom values, by name"),
    "pushed:": ("hash", "the numbers of the XCom values that a job pushed, or nobody's, by slot"),
    "expiring": ("zset", "the numbers of the XCom values that expire, by when they do"),
    "workers": ("zset", "the workers, by the microsecond at which their lease is over"),
    "worker:": ("hash", "what a worker says of itself, and its last heartbeat"),
    "armed": ("set", "the workers that want to be woken"),
    "resting": ("set", "those of them that had nothing to do at all, and take a lone job at once"),
    "bell:": ("channel", "rings for one worker, or a job that is in its hand already"),
    "waiters": ("string", "is there while anybody waits for the end of a job; expires"),
    "awaited:": ("set", "who waits for the end of a job, by its public id; expires"),
    "told:": ("list", "the ends that somebody who waits has not heard of yet; expires"),
}


class Keys:
    """The keys of one alias."""

    def __init__(self, prefix: str, alias: str) -> None:
        self.tag = f"{{{prefix}:{alias}}}"

    def name(self, entry: str, rest: str = "") -> str:
        """Return a key of the catalogue. Raise KeyError for what is not in it."""
        CATALOGUE[entry]
        return f"{self.tag}:{entry}{rest}"
