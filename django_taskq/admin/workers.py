"""Workers in the admin: who lives, and what they run."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db import DEFAULT_DB_ALIAS
from django.db.models import (
    BooleanField,
    CharField,
    Count,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.fields import DurationField
from django.db.models.functions import Cast, Coalesce, Concat, Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, filters, places
from django_taskq.admin.holdings import Holding, holdings_of
from django_taskq.admin.live import LivePage
from django_taskq.admin.live_workers import may_see_jobs, slots, worker_sections
from django_taskq.admin.paging import CappedPaginator
from django_taskq.admin.payloads import listed
from django_taskq.admin.stopping import StopAction
from django_taskq.health import MAX_STALL
from django_taskq.jobs.assignment import read_assignment
from django_taskq.jobs.states import State
from django_taskq.jobs.workers import stall_of
from django_taskq.management.tables import size
from django_taskq.models import Job, Worker

MOST_JOBS = 50
MOST_JOBS_IN_LIST = 3

# Processes of different hosts, and in containers nearly all of them, have the same numbers.
_BY_SUPERVISOR = Concat("host", Value(" "), Cast("supervisor_pid", CharField(max_length=20)))


class WorkerList(ChangeList):
    """The list of workers: reads what all of them run at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read a page of workers and, for who may see jobs, what they run."""
        super().get_results(request)
        workers: list[Any] = list(self.result_list)
        if may_see_jobs(self.model_admin.admin_site, request):
            _show_jobs(workers, places.chosen_database(request), MOST_JOBS_IN_LIST)
        self.result_list: Any = workers


class WorkerAdmin(StopAction, LivePage):
    """Shows workers, and asks them to stop. They enter and leave by themselves."""

    list_display = (
        "worker_name", "backend", "host_name", "supervisor", "process", "standing", "heartbeat",
        "progress", "memory_cell", "slots", "queues_cell", "tenants_cell", "running_now",
        "late_results",
    )  # fmt: skip
    change_list_template = "admin/django_taskq/worker/change_list.html"
    list_filter = (filters.DatabaseFilter,)
    sortable_by = ("host_name", "supervisor", "heartbeat", "memory_cell", "late_results")
    ordering = ("-beat_at", "pk")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 0
    paginator = CappedPaginator
    fields = (
        "worker_name", "given_name", "backend", "standing", "host_name", "supervisor", "process",
        "slots", "queues_cell", "tenants_cell", "heartbeat", "progress", "memory_cell",
        "started_at", "beat_at", "progress_at", "expires_at", "lost_at", "stop_asked_at",
        "late_results", "running",
        "running_jobs",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: workers enter by themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Worker | None = None) -> bool:
        """Refuse: a worker says of itself what it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Worker | None = None) -> bool:
        """Refuse: a worker that is taken out would lose its jobs unseen."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WorkerList]:
        """Return the list that reads jobs for all its workers at once."""
        return WorkerList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and below it the workers that are in no table."""
        shown = dict(extra_context or {})
        if request.method == "GET" and self.has_view_permission(request):
            shown["sections"] = worker_sections(self.admin_site, request)
        return super().changelist_view(request, shown)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Worker | None:
        """Return a worker and, for who may see jobs, what it runs."""
        worker: Worker | None = super().get_object(request, object_id, from_field)
        if worker is not None and may_see_jobs(self.admin_site, request):
            _show_jobs([worker], worker._state.db or DEFAULT_DB_ALIAS, MOST_JOBS)
        return worker

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Return the workers by the database's own clock, with the number of jobs they run."""
        running = (
            Job._default_manager.filter(
                backend=OuterRef("backend"), worker_id=OuterRef("pk"), state=State.RUNNING
            )
            .order_by()
            .values("worker_id")
            .annotate(count=Count("pk"))
            .values("count")
        )
        found: QuerySet[Worker] = Worker._default_manager.using(_database(request)).annotate(
            running_count=Coalesce(Subquery(running, output_field=IntegerField()), 0),
            silence=ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField()),
            stillness=ExpressionWrapper(Now() - F("progress_at"), output_field=DurationField()),
            lives=ExpressionWrapper(
                Q(lost_at__isnull=True, expires_at__gte=Now()), output_field=BooleanField()
            ),
        )
        return found

    @admin.display(description=_("worker"))
    def worker_name(self, worker: Worker) -> str:
        """Return the id of this life of the worker."""
        return cells.line(worker.pk)

    @admin.display(description=_("name"))
    def given_name(self, worker: Worker) -> str:
        """Return the name the worker was given."""
        return cells.line(worker.name)

    @admin.display(description=_("host"), ordering="host")
    def host_name(self, worker: Worker) -> str:
        """Return the host."""
        return cells.line(worker.host)

    @admin.display(description=_("supervisor"), ordering=_BY_SUPERVISOR)
    def supervisor(self, worker: Worker) -> str:
        """Return the process that started the worker's own, on the same host."""
        return cells.NOTHING if worker.supervisor_pid is None else str(worker.supervisor_pid)

    @admin.display(description=_("process"))
    def process(self, worker: Worker) -> str:
        """Return the number of the process that the worker is in."""
        return str(worker.pid)

    @admin.display(description=_("runs at a time"))
    def slots(self, worker: Worker) -> str:
        """Return how many jobs the worker runs at a time."""
        return slots(worker)

    @admin.display(description=_("queues"))
    def queues_cell(self, worker: Worker) -> str:
        """Return the queues that the worker takes."""
        if worker.queues is None:
            return gettext("all")
        queues: Sequence[str] | None = listed(worker.queues)
        return cells.line(worker.queues if queues is None else ", ".join(queues))

    @admin.display(description=_("tenants"))
    def tenants_cell(self, worker: Worker) -> str:
        """Return the tenants that the worker serves first, and those that it steals from."""
        if worker.tenants is None:
            return gettext("all")
        found = read_assignment(worker.tenants)
        return cells.line(worker.tenants) if found is None else cells.assignment(found)

    @admin.display(description=_("last heartbeat"), ordering="-beat_at")
    def heartbeat(self, worker: Worker) -> str:
        """Return how long the worker has been silent."""
        return _age(worker, "silence")

    @admin.display(description=_("last progress"))
    def progress(self, worker: Worker) -> str:
        """Return how long ago the claim loop is known to have advanced."""
        return _age(worker, "stillness")

    @admin.display(description=_("memory"), ordering="memory")
    def memory_cell(self, worker: Worker) -> str:
        """Return what the worker's process holds, all its workers together."""
        return size(worker.memory) or cells.NOTHING

    @admin.display(description=_("is"))
    def standing(self, worker: Worker) -> str:
        """Tell whether the lease is held, a stop was asked for, and the claim loop advances."""
        if not getattr(worker, "lives", False):
            return gettext("lost")
        if worker.stop_asked_at is not None:
            return gettext("stopping")
        stall = stall_of(worker.beat_at, worker.progress_at).total_seconds()
        return gettext("stalled") if stall > MAX_STALL else gettext("alive")

    @admin.display(description=_("running jobs"))
    def running(self, worker: Worker) -> int:
        """Return how many jobs the worker holds."""
        count: Any = getattr(worker, "running_count", 0)
        return int(count)

    @admin.display(description=_("what it runs"))
    def running_jobs(self, worker: Worker) -> SafeString | str:
        """Return the jobs that the worker holds, with links."""
        held = _shown_jobs(worker)
        shown = format_html_join(
            "", '<tr><td><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td></tr>',
            (
                (
                    self._link(job.id), job.id, cells.line(job.task), cells.line(job.tenant),
                    _since(job),
                )
                for job in held
            ),
        )  # fmt: skip
        if not shown:
            return cells.NOTHING
        return format_html(
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>"
            "<tbody>{}</tbody></table>{}",
            gettext("job"),
            gettext("task"),
            gettext("tenant"),
            gettext("since"),
            shown,
            self._more(worker, held),
        )

    @admin.display(description=_("runs now"))
    def running_now(self, worker: Worker) -> SafeString | str:
        """Return what the worker has run for longest, with links, and how much more it holds."""
        held = _shown_jobs(worker)
        shown = format_html_join(
            "", '<div><a href="{}">{}</a> {}</div>',
            (
                (
                    self._link(job.id), cells.line(job.task),
                    _lasting(job),
                )
                for job in held
            ),
        )  # fmt: skip
        return format_html("{}{}", shown, self._more(worker, held))

    def _more(self, worker: Worker, shown: Sequence[Holding]) -> SafeString | str:
        left = self.running(worker) - len(shown)
        if not shown:
            return str(max(0, left))
        return (
            format_html("<div>{}</div>", gettext("and %(more)s more") % {"more": left})
            if left > 0
            else ""
        )

    def _link(self, public_id: Any) -> str:
        opts = Job._meta
        return reverse(
            f"admin:{opts.app_label}_{opts.model_name}_change",
            args=(str(public_id),),
            current_app=self.admin_site.name,
        )


def _show_jobs(workers: Sequence[Any], database: str, most: int) -> None:
    held = holdings_of(workers, database, most)
    for worker in workers:
        worker.shown_jobs = held[worker.pk]


def _shown_jobs(worker: Worker) -> Sequence[Holding]:
    shown: Sequence[Holding] = getattr(worker, "shown_jobs", ())
    return shown


def _since(job: Holding) -> str:
    told = gettext("runs since %(moment)s") if job.has_started else gettext("claimed %(moment)s")
    return told % {"moment": cells.moment(job.since)}


def _lasting(job: Holding) -> str:
    span = cells.span(_positive(job.duration))
    return span if job.has_started else gettext("claimed %(span)s") % {"span": span}


def _age(worker: Worker, name: str) -> str:
    age: timedelta | None = getattr(worker, name, None)
    return cells.span(None if age is None else _positive(age))


def _positive(span: timedelta) -> timedelta:
    """Return no less than nothing: a clock may lag behind another by a moment."""
    return max(timedelta(0), span)


def _database(request: HttpRequest) -> str:
    """Return the database of the list, or the one that holds the worker of the page."""
    match = request.resolver_match
    worker_id = match.kwargs.get("object_id") if match is not None else None
    held = places.databases()
    if worker_id is None or len(held) < 2:
        return places.chosen_database(request)
    id = unquote(worker_id)
    found = (name for name in held if Worker._default_manager.using(name).filter(pk=id).exists())
    return next(found, held[0])
