"""Runs and ticks of a schedule as HTML."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq.admin import cells, places
from django_taskq.jobs.durations import localised
from django_taskq.management.schedules import local
from django_taskq.models import Backfill, Job
from django_taskq.models.schedule import Decision, Schedule, Tick
from django_taskq.scheduling.progress import Progress
from django_taskq.scheduling.runs import Run, moment_of, words_of_seconds

type Link = Callable[[Any], str]


def time_cell(row: Schedule) -> str | None:
    """Return when a schedule is due, as it was given."""
    if row.every is not None:
        return _("every %(span)s") % {"span": words_of_seconds(row.every)}
    at = moment_of(row)
    return row.expression if at is None else _("at %(moment)s") % {"moment": at}


def runs_block(row: Schedule, runs: Sequence[Run]) -> SafeString | str:
    """Return the next runs on the schedule's clocks and in UTC, with what a change of them does."""
    return _table(
        (_("on its own clocks"), _("in UTC"), _("note")),
        "<td>{}</td><td>{}</td><td>{}</td>",
        ((local(row, run), f"{run.utc:%Y-%m-%d %H:%M:%S}", run.note or "") for run in runs),
    )


def moments_block(runs: Sequence[Run]) -> SafeString | str:
    """Return runs of what is no schedule yet."""
    return _table(
        (_("on its own clocks"), _("in UTC"), _("note")),
        "<td>{}</td><td>{}</td><td>{}</td>",
        (
            (f"{run.local:%Y-%m-%d %H:%M:%S %Z}", f"{run.utc:%Y-%m-%d %H:%M:%S}", run.note or "")
            for run in runs
        ),
    )


def ticks_block(ticks: Iterable[tuple[Tick, str | None]], link: Link | None) -> SafeString | str:
    """Return ticks with what was decided, how late, and their jobs."""
    return _table(
        (_("due"), _("decided"), _("late"), _("job"), _("reason")),
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
        (
            (
                cells.moment(tick.due_at), _decided(tick),
                f"{localised(f'{tick.late:.1f}')} s",
                job_cell(tick, state, link), cells.line(tick.reason),
            )
            for tick, state in ticks
        ),
    )  # fmt: skip


def backfills_block(found: Iterable[tuple[Backfill, Progress]]) -> SafeString | str:
    """Return backfills with how far they are."""
    return _table(
        (
            _("from"), _("to"), _("at once"), _("jobs made"), _("waiting"), _("running"),
            _("ended"), _("of them failed"),
        ),
        "<td>{}</td>" * 8,
        (
            (
                cells.moment(row.from_at), cells.moment(row.until_at),
                row.max_running or _("any number"),
                f"{progress.made}+" if progress.is_cut else progress.made, progress.waiting,
                progress.running, progress.ended, progress.failed,
            )
            for row, progress in found
        ),
    )  # fmt: skip


def job_cell(tick: Tick, state: str | None, link: Link | None) -> SafeString | str:
    """Return the job of a tick with its state, and a link for who may see jobs."""
    if tick.job_id is None:
        return cells.NOTHING
    if state is None:
        return _("gone")
    if link is None:
        return state
    return format_html('<a href="{}">{}</a>', link(tick.job_id), state)


def origin_cell(job: Job, site: str) -> SafeString | str:
    """Return the schedule whose tick made a job, and the due instant."""
    if job.schedule_id is None:
        return cells.NOTHING
    due = cells.moment(job.scheduled_for)
    database = job._state.db
    row = Schedule._default_manager.using(database).filter(pk=job.schedule_id).first()
    if row is None:
        return _("removed since, due %(moment)s") % {"moment": due}
    opts = Schedule._meta
    page = reverse(
        f"admin:{opts.app_label}_{opts.model_name}_change", args=(row.pk,), current_app=site
    )
    filters = urlencode({places.LIST_PARAMETER: f"{places.DATABASE_PARAMETER}={database}"})
    link = format_html('<a href="{}?{}">{}</a>', page, filters, cells.line(row.name))
    return format_html(_("{schedule}, due {moment}"), schedule=link, moment=due)


def _decided(tick: Tick) -> str:
    told = decision_cell(tick)
    return _("%(decision)s by hand") % {"decision": told} if tick.is_by_hand else told


def decision_cell(tick: Tick) -> str:
    """Return what was decided of a tick; what a later release decides stays as it is stored."""
    told = dict(Decision.choices).get(tick.decision)
    return tick.decision if told is None else str(told).lower()


def _table(header: Sequence[str], row: str, values: Iterable[tuple[Any, ...]]) -> SafeString | str:
    body = format_html_join("", f"<tr>{row}</tr>", values)
    if not body:
        return cells.NOTHING
    head = format_html_join("", "<th>{}</th>", ((title,) for title in header))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
