"""The newest jobs that concern an object, on its own page in the admin."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin import cells, deeds, places
from django_taskq.admin import wanted as names
from django_taskq.jobs.subjects import about
from django_taskq.models import Job

FIELD = "jobs_panel"

_TABLE = (
    '<table class="taskq-table"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
    '<th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr></thead>'
    "<tbody>{}</tbody></table>{}"
)
_CELL = "<td>{}</td>"
_ROW = f'<tr><th scope="row">{{}}</th><td class="taskq-name">{{}}</td>{_CELL * 3}</tr>'
_COLUMNS = ("public_id", "task", "state", "failure", "enqueued_at", "finished_at")


class JobsPanel(admin.ModelAdmin):
    """Shows the newest jobs about an object below the fields of its page; put it before ModelAdmin.

    Jobs are about an object that were enqueued with `metadata={"about": about(obj)}`. Who may not
    view jobs sees no panel. Costs one query for each database that holds jobs, by an index.
    """

    jobs_in_panel = 10

    class Media:
        css = {"all": ("django_taskq/taskq.css",)}

    def jobs_about(self, obj: Model) -> str:
        """Return what the metadata of the jobs to show have as `about`; by default `about(obj)`."""
        return about(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Add the panel to the page of an object that there is already."""
        fields = super().get_readonly_fields(request, obj)
        is_shown = obj is not None and deeds.may(request, "view_job")
        return (*fields, FIELD) if is_shown else tuple(fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Put the panel into a section of its own, the last one."""
        sections = [
            (name, {**section, "fields": _without_panel(section["fields"])})
            for name, section in super().get_fieldsets(request, obj)
        ]
        if FIELD in self.get_readonly_fields(request, obj):
            sections.append((gettext("Jobs"), {"fields": (FIELD,)}))
        return sections

    @admin.display(description=_("newest jobs"))
    def jobs_panel(self, obj: Model) -> SafeString | str:
        """Return the newest jobs about an object as a table, with links to their pages."""
        subject = self.jobs_about(obj)
        found = sorted(_newest(subject, self.jobs_in_panel), key=lambda row: row[4], reverse=True)
        if not found:
            return cells.NOTHING
        rows = (self._cells(row) for row in islice(found, self.jobs_in_panel))
        head = (
            gettext("job"),
            gettext("task"),
            gettext("state"),
            gettext("enqueued"),
            gettext("ended"),
        )
        return format_html(_TABLE, *head, format_html_join("", _ROW, rows), self._rest(subject))

    def _cells(self, row: Sequence[Any]) -> tuple[Any, ...]:
        id, task, state, failure, enqueued_at, finished_at = row
        link = self._address("change", (str(id),))
        job = format_html('<a href="{}">{}</a>', link, id) if link else str(id)
        told = cells.line(f"{state} ({failure})" if failure else state)
        moments = cells.moment(enqueued_at), cells.moment(finished_at)
        return (job, cells.line(task), told, *moments)

    def _rest(self, subject: str) -> SafeString | str:
        link = self._address("changelist", ())
        if link is None:
            return ""
        query = urlencode({names.ABOUT: subject})
        return format_html('<p><a href="{}?{}">{}</a></p>', link, query, gettext("All of them"))

    def _address(self, page: str, args: tuple[str, ...]) -> str | None:
        """Return the address of a page of jobs; a site may have none."""
        if not self.admin_site.is_registered(Job):
            return None
        return reverse(
            f"admin:django_taskq_job_{page}", args=args, current_app=self.admin_site.name
        )


def _newest(subject: str, most: int) -> Iterator[Any]:
    for database in places.databases():
        rows = Job._default_manager.using(database).filter(about=subject).order_by("-pk")
        yield from rows.values_list(*_COLUMNS)[:most]


def _without_panel(fields: Any) -> Any:
    return [field for field in fields if field != FIELD]
