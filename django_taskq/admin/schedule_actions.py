"""What operators do to the schedules they have selected, with an entry in the log for each."""

from collections.abc import Callable
from typing import NamedTuple

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.tasks.exceptions import InvalidTask
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_taskq.admin.actions import Told, acts
from django_taskq.admin.entries import log_changes
from django_taskq.exceptions import InvalidSchedule, JobUnloadable
from django_taskq.models import Schedule
from django_taskq.scheduling import edits
from django_taskq.scheduling.by_hand import run_now

MOST, MOST_REASONS = 1000, 20

# Does something to a schedule and returns what the log says of it, None where it was so before.
type Verb = Callable[[Schedule], str | None]


class _Words(NamedTuple):
    """What is told of so many schedules: of those that were changed, and of the others."""

    done: Told
    left: Told


_ENABLED = _Words(
    done=lambda count: ngettext(
        "%(count)d schedule now enabled.", "%(count)d schedules now enabled.", count
    ) % {"count": count},
    left=lambda count: ngettext(
        "%(count)d left as before: enabled already.",
        "%(count)d left as before: enabled already.",
        count,
    ) % {"count": count},
)  # fmt: skip
_DISABLED = _Words(
    done=lambda count: ngettext(
        "%(count)d schedule now disabled.", "%(count)d schedules now disabled.", count
    ) % {"count": count},
    left=lambda count: ngettext(
        "%(count)d left as before: disabled already.",
        "%(count)d left as before: disabled already.",
        count,
    ) % {"count": count},
)  # fmt: skip
_RUN = _Words(
    done=lambda count: ngettext(
        "%(count)d schedule run now.", "%(count)d schedules run now.", count
    ) % {"count": count},
    left=lambda count: ngettext(
        "%(count)d left as before.", "%(count)d left as before.", count
    ) % {"count": count},
)  # fmt: skip


class ScheduleActions(admin.ModelAdmin):
    """The actions of the list of schedules, and of a schedule's own page."""

    actions = ("enable", "disable", "run_schedules_now")

    @acts("change", _("Enable"), _("Enable the selected %(verbose_name_plural)s"))
    def enable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Switch them on; what was due meanwhile is let go."""
        self._apply(request, queryset, _enable, _ENABLED)

    @acts("change", _("Disable"), _("Disable the selected %(verbose_name_plural)s"))
    def disable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Switch them off."""
        self._apply(request, queryset, _disable, _DISABLED)

    @acts("run", _("Run now"), _("Run the selected %(verbose_name_plural)s now"))
    def run_schedules_now(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Make a job of each now."""
        self._apply(request, queryset, _run, _RUN)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may run schedules."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.run_schedule"))

    def _apply(
        self,
        request: HttpRequest,
        queryset: QuerySet[Schedule],
        verb: Verb,
        words: _Words,
    ) -> None:
        done: list[tuple[Schedule, str]] = []
        refused: list[str] = []
        left = 0
        for row in queryset[:MOST]:
            try:
                note = verb(row)
            except (InvalidSchedule, InvalidTask, JobUnloadable, TypeError, ValueError) as error:
                refused.append(f"{row.name}: {error}")
                continue
            if note is None:
                left += 1
            else:
                done.append((row, note))
        log_changes(request, done)
        if done:
            messages.success(request, words.done(len(done)))
        if left:
            messages.warning(request, words.left(left))
        for told in refused[:MOST_REASONS]:
            messages.error(request, told)
        if len(refused) > MOST_REASONS:
            more = len(refused) - MOST_REASONS
            told = ngettext("%(count)d more was refused.", "%(count)d more were refused.", more)
            messages.error(request, told % {"count": more})


def _enable(row: Schedule) -> str | None:
    return "Disabled -> enabled." if edits.enable(row) else None


def _disable(row: Schedule) -> str | None:
    return "Enabled -> disabled." if edits.disable(row) else None


def _run(row: Schedule) -> str | None:
    edits.check_backend(row)
    return f"Enqueued the job {run_now(row).job_id}."
