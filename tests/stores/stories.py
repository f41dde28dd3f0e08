"""Stories of claims, told step by step: what a store is asked, and what it must answer.

They name no store and hold no code, so that every store can be held to the same ones.
"""

from typing import NamedTuple


class Insert(NamedTuple):
    """`count` jobs for a tenant, named by `label` and a number: a1, a2 ...

    The label is the tenant's name where none is given. The numbers go on with each insert.
    """

    tenant: str
    count: int = 1
    queue: str = "default"
    priority: int = 0
    task: str = "task"
    max_running: int | None = None
    max_rate: str | None = None
    label: str | None = None


class Claim(NamedTuple):
    """A claim of at most `limit` jobs, and the names of those it must hand out, in order.

    `own` and `steal` are the tenants that the worker serves, by name; `*` in `steal` is all
    others.
    """

    limit: int
    expected: str
    worker: str = "w"
    queues: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    free: int | None = None
    slots: int | None = None
    own: tuple[str, ...] | None = None
    steal: tuple[str, ...] | None = None


class Finish(NamedTuple):
    """The end of jobs that were claimed last under these names, each after so many seconds."""

    names: str
    seconds: float = 0.0


class Retry(NamedTuple):
    """The end of tries after so many seconds; the jobs are ready again at once."""

    names: str
    seconds: float = 0.0


class Release(NamedTuple):
    """Claimed jobs that never started go back."""

    names: str


class TenantRow(NamedTuple):
    """What an operator says of a tenant from now on."""

    name: str
    weight: int = 1
    max_running: int | None = None
    max_rate: str | None = None
    is_paused: bool = False


class QueueRow(NamedTuple):
    """What an operator says of a queue from now on."""

    name: str
    max_running: int | None = None
    is_paused: bool = False


class Pass(NamedTuple):
    """The store's clock goes on by so many seconds."""

    seconds: float


class OpensIn(NamedTuple):
    """What a worker is told about when to come back after its last claim."""

    seconds: float | None
    worker: str = "w"


type Step = Insert | Claim | Finish | Retry | Release | TenantRow | QueueRow | Pass | OpensIn


class Story(NamedTuple):
    """Steps in order, on a store with these options."""

    name: str
    steps: tuple[Step, ...]
    tenant_share: float | None = None
    priority_aging: float | None = None
