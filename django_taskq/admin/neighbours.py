"""What a job waits for and what waits for it, with the state of each, on its page."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells
from django_taskq.admin.sightings import is_in_table, seen
from django_taskq.models import Dependency, Job

MOST = 20

_HEAD = (
    '<h4>{}</h4><table class="taskq-table"><thead><tr><th scope="col">{}</th>'
    '<th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>{}'
)
_ROW = '<tr><th scope="row">{}</th><td class="taskq-name">{}</td><td>{}</td></tr>'

type Link = Callable[[str], str]


def block_of(job: Job, link: Link) -> SafeString | str:
    """Return both sides of a job; a plain one costs one query, one in no table none."""
    before, after = _stored(job) if is_in_table(job) else _seen(job)
    parts = [
        _table(name, rows, link)
        for name, rows in ((_("Waits for"), before), (_("What waits for it"), after))
        if rows
    ]
    return format_html_join("", "{}", ((part,) for part in parts)) or cells.NOTHING


def _seen(job: Job) -> tuple[list[Any], list[Any]]:
    """Return both sides as the store told of them."""
    sighting = seen(job)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for edge in sighting.edges:
        is_after = edge.upstream == sighting.record.id
        other = edge.downstream if is_after else edge.upstream
        known = sighting.neighbours.get(other or "")
        told = (None, None, None, other, edge.task_id)
        sides[is_after].append(told if known is None else (known.id, known.task, known.state))
    return sides


def _stored(job: Job) -> tuple[Sequence[Any], Sequence[Any]]:
    edges = Dependency._default_manager.using(job._state.db)
    before: Sequence[Any] = ()
    if job.upstream_total:
        found = edges.filter(downstream_id=job.pk).order_by("pk")
        before = list(
            found.values_list(
                "upstream__public_id", "upstream__task", "upstream__state",
                "upstream_public_id", "upstream_task_id",
            )[: MOST + 1]
        )  # fmt: skip
    found = edges.filter(upstream_id=job.pk).order_by("pk")
    after = list(
        found.values_list("downstream__public_id", "downstream__task", "downstream__state")[
            : MOST + 1
        ]
    )
    return before, after


def _table(name: str, rows: Sequence[Any], link: Link) -> SafeString:
    body = format_html_join("", _ROW, (_cells(row, link) for row in rows[:MOST]))
    more = format_html("<p>{}</p>", _("More are not shown.")) if len(rows) > MOST else ""
    return format_html(_HEAD, name, _("job"), _("task"), _("state"), body, more)


def _cells(row: Iterable[Any], link: Link) -> tuple[Any, ...]:
    id, task, state, *named = row
    if id is not None:
        job = format_html('<a href="{}">{}</a>', link(str(id)), id)
        return job, cells.line(task), cells.line(state)
    known = next((str(name) for name in reversed(named) if name), None)
    return cells.line(known), cells.NOTHING, _("not seen yet, or deleted")
