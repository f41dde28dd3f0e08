"""Any database that Django speaks to: the ORM alone, and polling. The reference for the others."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django_taskq.jobs.hindrance import Hindrance
from django_taskq.stores.database.attaching import Attaching
from django_taskq.stores.database.backlogs import BacklogReads
from django_taskq.stores.database.claims import Claims
from django_taskq.stores.database.clock import Clock, HostClock
from django_taskq.stores.database.finishes import Finishes
from django_taskq.stores.database.handing import Handing
from django_taskq.stores.database.inserts import Inserts
from django_taskq.stores.database.keeping import Keeping
from django_taskq.stores.database.leases import Leases
from django_taskq.stores.database.marks import Marks
from django_taskq.stores.database.newest import Newest
from django_taskq.stores.database.place import Among, Begin, Place, named, plainly
from django_taskq.stores.database.ripples import Ripples
from django_taskq.stores.database.wakeups import Wakeups


class Vendor(NamedTuple):
    """The parts of a store that a database may do in its own way."""

    clock: Callable[[], Clock]
    begin: Begin
    among: Among
    ripples: type[Ripples]
    attaching: type[Attaching]
    inserts: type[Inserts]
    claims: type[Claims]
    finishes: type[Finishes]
    keeping: type[Keeping]
    leases: type[Leases]
    backlogs: type[BacklogReads]
    handing: type[Handing]
    marks: type[Marks]
    newest: type[Newest]
    wakeups: type[Wakeups]
    settings: Callable[[Place], dict[str, Any]]
    hindrances: Callable[[Place], Iterable[Hindrance]]


def no_settings(place: Place) -> dict[str, Any]:
    """Tell nothing of a database about which nothing is known."""
    return {}


def no_hindrances(place: Place) -> Iterable[Hindrance]:
    """Find nothing at a database about which nothing is known."""
    return ()


GENERIC = Vendor(
    clock=HostClock,
    begin=plainly,
    among=named,
    ripples=Ripples,
    attaching=Attaching,
    inserts=Inserts,
    claims=Claims,
    finishes=Finishes,
    keeping=Keeping,
    leases=Leases,
    backlogs=BacklogReads,
    handing=Handing,
    marks=Marks,
    newest=Newest,
    wakeups=Wakeups,
    settings=no_settings,
    hindrances=no_hindrances,
)
