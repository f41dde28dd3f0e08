"""The form of a schedule: what people type, checked by the same rules as everywhere."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.tasks import task_backends
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_taskq.admin.actions import Words
from django_taskq.exceptions import InvalidSchedule
from django_taskq.jobs import payload
from django_taskq.loading import load_task
from django_taskq.management.schedule_arguments import local_moment
from django_taskq.models import Schedule
from django_taskq.models.schedule import Catchup, Overlap
from django_taskq.scheduling import edits, places
from django_taskq.scheduling.clocks import parse_timezone
from django_taskq.scheduling.columns import columns_of, definition_of
from django_taskq.scheduling.definition import Definition, Fault
from django_taskq.scheduling.edits import TIMES
from django_taskq.scheduling.interval import parse_every
from django_taskq.scheduling.runs import Run, next_runs, words_of_seconds
from django_taskq.scheduling.validation import fill_in, find_faults
from django_taskq.stores.database.clock import aware, storable
from django_taskq.task_paths import find_task_paths

OWN_ALIAS = "", _("the task's own")
# The button that shows the next runs of what is typed, and how many it shows.
PREVIEW, PREVIEWED = "_preview", 10
ONLY_LOOKED_AT = _("Nothing is saved yet.")


def _text(help_text: Any = "", *, rows: int = 0, **options: Any) -> forms.CharField:
    """Return a field for text; it shows again what it showed, so that changes are known."""
    if rows:
        options["widget"] = forms.Textarea(attrs={"rows": rows, "cols": 60})
    return forms.CharField(
        help_text=help_text, **{"required": False, "show_hidden_initial": True, **options}
    )


class ScheduleForm(forms.ModelForm):
    """Reads a definition. The row itself is written by `scheduling.edits`, not by the form."""

    database: ClassVar[str]
    preview: list[Run] | None = None

    name = _text(label=_("Name"), required=True, max_length=200)
    task = forms.ChoiceField(
        label=_("Task"),
        show_hidden_initial=True,
        help_text=_("Only tasks that this process knows can be chosen."),
    )
    args = _text(_("A JSON array."), rows=2, label=_("Arguments"))
    kwargs = _text(_("A JSON object."), rows=2, label=_("Keyword arguments"))
    enabled = forms.BooleanField(
        label=_("Enabled"), required=False, initial=True, show_hidden_initial=True
    )
    expression = _text(
        _("Cron: minute, hour, day of the month, month, day of the week, and seconds last if any."),
        label=_("Expression"),
        max_length=200,
    )
    every = _text(_("Or an interval: 30s, 1h30m."), label=_("Every"))
    at = _text(
        _("Or once. A time of the schedule's own zone, unless it has an offset: 2026-12-24 18:00."),
        label=_("At"),
    )
    timezone = _text(
        _("Europe/Paris; empty for TIME_ZONE of the settings."), label=_("Timezone"), max_length=64
    )
    start_at = _text(
        _(
            "No tick before. A time of the schedule's own zone, unless it has an offset: "
            "2026-12-24 18:00."
        ),
        label=_("Start"),
    )
    end_at = _text(
        _(
            "No tick after. A time of the schedule's own zone, unless it has an offset: "
            "2026-12-24 18:00."
        ),
        label=_("End"),
    )
    jitter = forms.FloatField(
        label=_("Jitter"), required=False, initial=0, show_hidden_initial=True,
        help_text=_("Fires up to so many seconds later."),
    )  # fmt: skip
    backend = forms.ChoiceField(label=_("Backend"), required=False, show_hidden_initial=True)
    queue = _text(_("Empty for the task's own."), label=_("Queue"), max_length=128)
    tenant = _text(label=_("Tenant"), max_length=128)
    priority = forms.IntegerField(label=_("Priority"), required=False, show_hidden_initial=True)
    options = _text(
        _('Further options of the task, a JSON object: {"max_tries": 3}.'),
        label=_("Options"), rows=2,
    )  # fmt: skip
    catchup = forms.ChoiceField(
        label=_("Catchup"), choices=Catchup.choices, initial=Catchup.LAST,
        show_hidden_initial=True, help_text=_("Which ticks that were missed fire after all."),
    )  # fmt: skip
    catchup_limit = forms.IntegerField(
        label=_("Catchup limit"), required=False, show_hidden_initial=True,
        help_text=_("With all: at most so many."),
    )  # fmt: skip
    overlap = forms.ChoiceField(
        label=_("Overlap"), choices=Overlap.choices, initial=Overlap.SKIP,
        show_hidden_initial=True,
        help_text=_("What becomes of a tick while the job of an earlier one has not ended."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        row: Schedule | None = kwargs.get("instance")
        shown: dict[str, Any] = {"timezone": settings.TIME_ZONE, "backend": ""}
        if row is not None and row.pk is not None:
            shown = _shown(row)
        kwargs["initial"] = {**(kwargs.get("initial") or {}), **shown}
        super().__init__(*args, **kwargs)
        self._choose("task", find_task_paths())
        self._choose("backend", _aliases_in(self.database), OWN_ALIAS)

    def clean(self) -> dict[str, Any]:
        """Read what was typed and add what is wrong with it to the fields."""
        values: dict[str, Any] = self.cleaned_data
        for field, read in _READERS.items():
            if values.get(field):
                self._read(field, read)
        if not self.errors and "task" in self.fields:
            for fault in self._faults():
                self.add_error(fault.field if fault.field in self.fields else None, fault.told)
        if not self.errors and PREVIEW in self.data:
            self.preview = self._runs()
            # What is merely looked at is not saved: only a form with an error is shown again.
            self.add_error(None, ONLY_LOOKED_AT)
        return values

    def definition(self) -> Definition:
        """Return what the form says; on fields that it has not, what the row says."""
        row = self.instance
        given = {name: self.cleaned_data[name] for name in self.fields if name not in _APART}
        given |= {name: given[name] or None for name in _EMPTY_IS_NONE & given.keys()}
        given |= {name: given[name] or empty for name, empty in _EMPTY.items() if name in given}
        limit = self.cleaned_data.get("catchup_limit")
        if limit is not None:
            given["catchup"] = f"{given['catchup']}:{limit}"
        return Definition(**given) if row.pk is None else replace(definition_of(row), **given)

    def changes(self) -> dict[str, Any]:
        """Return those fields of the definition that the reader has changed."""
        definition = self.definition()
        changed = {_TOLD_BY.get(name, name) for name in self.changed_data} - _APART
        return {field: getattr(definition, field) for field in changed}

    def _runs(self) -> list[Run]:
        """Return the next runs of what the form says, whether it is switched on or not."""
        row = Schedule(**columns_of(fill_in(self.definition())))
        # Intervals of a new one count from the moment at which it is saved.
        row.created_at = self.instance.created_at or storable(datetime.now(UTC))
        return next_runs(row, PREVIEWED, datetime.now(UTC))

    def _post_clean(self) -> None:
        """Leave the row as it is: it is written from the definition."""

    def _choose(self, field: str, known: Iterable[str], *first: tuple[str, Any]) -> None:
        """Offer what is known, and what the row has whether it is known or not."""
        if field not in self.fields:
            return
        kept = getattr(self.instance, field) if self.instance.pk else None
        names = sorted({*known, *([kept] if kept else ())})
        choices: Any = self.fields[field]
        choices.choices = [*first, *((name, name) for name in names)]

    def _read(self, field: str, read: Callable[[str], Any]) -> None:
        try:
            self.cleaned_data[field] = read(self.cleaned_data[field])
        except (ValueError, ArgumentTypeError, InvalidSchedule) as error:
            told = str(error)
            self.add_error(field, f"{told[:1].upper()}{told[1:]}")

    def _faults(self) -> Iterable[Fault]:
        definition = self.definition()
        is_new = self.instance.pk is None
        must_fire = is_new or not set(TIMES).isdisjoint(self.changed_data)
        faults = find_faults(definition, datetime.now(UTC), must_fire=must_fire)
        yield from faults
        if is_new and edits.rows(self.database).filter(name=definition.name).exists():
            yield Fault("name", gettext("A schedule has this name already."))
        alias = definition.backend or load_task(definition.task).backend if not faults else None
        if alias is not None and places.database_of(alias) != self.database:
            yield Fault(
                "backend",
                gettext(
                    "Expected a backend whose schedules are in the database “%(database)s”, got "
                    "“%(alias)s”. Choose one, or add the schedule in the other database."
                )
                % {"database": self.database, "alias": alias},
            )


def _json(kind: type, wrong: Words) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = payload.decode(text)
        if not isinstance(value, kind):
            raise ValueError(str(wrong) % {"text": text})
        return value

    return read


# What the text of a field is read by.
_READERS: dict[str, Callable[[str], Any]] = {
    "every": parse_every,
    "at": local_moment,
    "start_at": local_moment,
    "end_at": local_moment,
    "args": _json(list, _("Expected a JSON array, got %(text)r.")),
    "kwargs": _json(dict, _("Expected a JSON object, got %(text)r.")),
    "options": _json(dict, _("Expected a JSON object, got %(text)r.")),
}
# What is no field of a definition, and under which field it is told.
_APART = frozenset({"enabled", "catchup_limit"})
_TOLD_BY = {"catchup_limit": "catchup"}
_EMPTY: dict[str, Any] = {"args": [], "kwargs": {}, "options": {}, "jitter": 0.0}
_EMPTY_IS_NONE = frozenset(
    {"expression", "every", "at", "timezone", "start_at", "end_at", "backend", "queue", "tenant"}
)


def _aliases_in(database: str) -> list[str]:
    """Return the aliases whose schedules are in a database."""
    ticking = (alias for alias in task_backends if places.can_tick(alias))
    return [alias for alias in ticking if places.database_of(alias) == database]


def _shown(row: Schedule) -> dict[str, Any]:
    """Return what a row says as the form shows it."""
    shown = {name: getattr(row, name) or "" for name in ("args", "kwargs", "options")}
    shown["every"] = "" if row.every is None else words_of_seconds(row.every)
    for name in ("at", "start_at", "end_at"):
        shown[name] = _local(getattr(row, name), row.timezone)
    return shown


def _local(moment: datetime | None, zone: str) -> str:
    if moment is None:
        return ""
    try:
        local = aware(moment).astimezone(parse_timezone(zone))
    except InvalidSchedule:
        return aware(moment).isoformat(sep=" ")
    return local.replace(tzinfo=None).isoformat(sep=" ")
