"""How schedules keep their times: what was decided of their ticks, and what waits for that."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import CharField, Count, DateTimeField, FloatField, Max, Min, Value

from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Decision
from django_taskq.stores.database.clock import aware, storable

# How far back ticks are looked at.
RECENT = timedelta(minutes=15)
# Where the statement has what is due, beside the decisions.
_DUE = "due"


class Punctuality(NamedTuple):
    """How the schedules of one alias keep their times.

    `ticks` counts what was decided lately, `late` is the most seconds that one of these came
    late, `overdue` for how many seconds the longest due tick waits to be decided.
    """

    ticks: dict[str, int]
    late: float
    overdue: float

    @property
    def missed(self) -> int:
        """How many ticks nobody fired in time."""
        return self.ticks.get(Decision.MISSED.value, 0)


def punctuality_in(
    database: str, alias: str, now: datetime, back: timedelta = RECENT
) -> Punctuality:
    """Look at the ticks of the last while and at what is due: one statement, an index for each."""
    nothing = Value(None, output_field=DateTimeField())
    ticks = (
        Tick._default_manager.using(database)
        .filter(schedule__backend=alias, decided_at__gte=storable(now - back))
        # What an operator asked for was due whenever that was: it is not late.
        .filter(is_by_hand=False, backfill=None)
        .order_by()
        .values_list("decision")
        .annotate(count=Count("pk"), latest=Max("late"), since=nothing)
    )
    due = (
        Schedule._default_manager.using(database)
        .filter(backend=alias, enabled=True, next_at__lt=storable(now))
        .order_by()
        .values_list(Value(_DUE, output_field=CharField()))
        .annotate(
            count=Count("pk"),
            latest=Value(0.0, output_field=FloatField()),
            since=Min("next_at"),
        )
    )
    found = {kind: rest for kind, *rest in ticks.union(due, all=True).order_by()}
    _, _, since = found.pop(_DUE, (0, 0.0, None))
    return Punctuality(
        {decision: count for decision, (count, _, _) in sorted(found.items())},
        max((latest for _, latest, _ in found.values()), default=0.0),
        0.0 if since is None else (now - aware(since)).total_seconds(),
    )
