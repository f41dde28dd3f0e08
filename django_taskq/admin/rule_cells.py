"""Numbers of tenants and queues as the cells of a table: what was counted to a bound says so."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_taskq.admin import cells
from django_taskq.admin.actions import Words
from django_taskq.admin.rule_numbers import Numbers, Rate
from django_taskq.jobs.durations import localised
from django_taskq.jobs.servings import Served
from django_taskq.jobs.states import State

DEPTHS = (
    gettext_lazy("ready"), gettext_lazy("oldest ready"), gettext_lazy("scheduled"),
    gettext_lazy("deferred"), gettext_lazy("running"),
)  # fmt: skip
_PLACES: dict[str, int] = {
    State.READY: 0, State.SCHEDULED: 1, State.DEFERRED: 2, State.RUNNING: 3,
}  # fmt: skip


def count(numbers: Numbers, state: State) -> int | str:
    """Return how many jobs there are; where more than were counted, that many at the least."""
    number = numbers.depth[_PLACES[state]]
    return f"{number}+" if state in numbers.more else number


def age(numbers: Numbers) -> str:
    """Return how long the oldest ready job has waited, or at the least."""
    told = cells.span(numbers.age)
    is_least = numbers.age is not None and numbers.has_older
    return _("%(age)s or more") % {"age": told} if is_least else told


def depth(numbers: Numbers) -> Sequence[int | str]:
    """Return the cells that DEPTHS name."""
    return (
        count(numbers, State.READY), age(numbers), count(numbers, State.SCHEDULED),
        count(numbers, State.DEFERRED), count(numbers, State.RUNNING),
    )  # fmt: skip


def rate(found: Rate | None) -> str:
    """Return how many attempts have ended per second, and how many of them failed."""
    if found is None or not found.ended:
        return cells.NOTHING
    told = f"{per_second(found.ended, found.seconds)}/s"
    if not found.failed:
        return told
    return _("%(rate)s, %(failed)d failed") % {"rate": told, "failed": found.failed}


def per_second(number: float, seconds: float) -> str:
    """Return a rate in as many digits as say anything."""
    return localised(f"{number / seconds:.3g}") if seconds > 0 else "0"


def workers(number: int) -> str:
    """Return by how many workers a queue is served."""
    if not number:
        return _("no worker")
    return ngettext("%(count)d worker", "%(count)d workers", number) % {"count": number}


def served_by(firsts: Sequence[bool]) -> str:
    """Return by how many workers a tenant is served, and how many of them have others first."""
    stealing = len(firsts) - sum(firsts)
    told = workers(len(firsts))
    if not stealing:
        return told
    if stealing == len(firsts):
        return _("%(workers)s, all after others") % {"workers": told}
    return ngettext(
        "%(workers)s, %(count)d after others", "%(workers)s, %(count)d after others", stealing
    ) % {"workers": told, "count": stealing}


def had(served: Mapping[str, Served], tenant: str) -> str:
    """Return the part of the worker time that a tenant had of each alias."""
    return _of_each(
        served,
        lambda given: _part(_seconds(given, tenant), given.seconds),
    )


def due(served: Mapping[str, Served], tenant: str, weight: int) -> str:
    """Return the part that its weight gives a tenant beside those that had any."""
    return _of_each(
        served,
        lambda given: _part(weight, given.weight) if tenant in given.by_tenant else "",
    )


def waited(served: Mapping[str, Served], tenant: str) -> str:
    """Return how long jobs of a tenant waited for their first start, on average."""
    given = [each.by_tenant[tenant] for each in served.values() if tenant in each.by_tenant]
    waits = sum(each.waits for each in given)
    if not waits:
        return cells.NOTHING
    return cells.span(timedelta(seconds=sum(each.wait_seconds for each in given) / waits))


def ended_per_second(served: Mapping[str, Served], tenant: str, now: datetime) -> str:
    """Return how many attempts of a tenant ended per second, over all aliases."""
    given = [each for each in served.values() if tenant in each.by_tenant]
    if not given:
        return cells.NOTHING
    seconds = max((now - each.since).total_seconds() for each in given)
    return f"{per_second(sum(each.by_tenant[tenant].attempts for each in given), seconds)}/s"


def stolen(served: Mapping[str, Served], tenant: str) -> str:
    """Return how many attempts of a tenant ran on workers that serve others first."""
    given = [each.by_tenant[tenant] for each in served.values() if tenant in each.by_tenant]
    attempts, taken = sum(each.attempts for each in given), sum(each.stolen for each in given)
    told = _("%(done)s of %(total)s") % {"done": taken, "total": attempts}
    return told if taken else cells.NOTHING


def table(header: Iterable[Words], rows: Iterable[Sequence[Any]]) -> SafeString | str:
    """Return a table whose first column names its rows."""
    body = format_html_join(
        "", '<tr><th scope="row" class="taskq-name">{}</th>{}</tr>',
        ((first, format_html_join("", "<td>{}</td>", ((cell,) for cell in rest)))
         for first, *rest in rows),
    )  # fmt: skip
    if not body:
        return cells.NOTHING
    head = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in header))
    return format_html(
        '<div class="taskq-scroll" tabindex="0"><table class="taskq-table"><thead><tr>{}</tr>'
        "</thead><tbody>{}</tbody></table></div>",
        head, body,
    )  # fmt: skip


def _seconds(given: Served, tenant: str) -> float:
    return given.by_tenant[tenant].seconds if tenant in given.by_tenant else 0.0


def _part(some: float, whole: float) -> str:
    return f"{localised(f'{100 * some / whole:.3g}')} %" if whole and some else ""


def _of_each(served: Mapping[str, Served], told: Any) -> str:
    found = {alias: told(given) for alias, given in served.items()}
    is_one = len(found) == 1
    return cells.line(
        ", ".join(
            part if is_one else _("%(part)s of %(alias)s") % {"part": part, "alias": alias}
            for alias, part in found.items()
            if part
        )
    )
