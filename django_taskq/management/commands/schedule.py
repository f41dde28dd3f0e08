"""manage.py schedule: add schedules and look at them, switch, run, backfill, remove, import."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django_taskq.exceptions import InvalidSchedule
from django_taskq.management import arguments, schedule_arguments, schedules, tables
from django_taskq.management.arguments import WRONG
from django_taskq.management.backfilling import BackfillingCommand
from django_taskq.management.importing import ImportingCommand
from django_taskq.models import Schedule
from django_taskq.scheduling import edits
from django_taskq.scheduling.by_hand import run_now
from django_taskq.scheduling.runs import next_runs
from django_taskq.scheduling.ticks import latest_ticks, state_after

RUNS, MOST_RUNS = 5, 1000
TICKS = 10


class Command(BackfillingCommand, ImportingCommand):
    """Parse what was asked for, have it done, print what became of it."""

    help = "Add schedules, look at them, switch, run, backfill, remove and import them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        adding = verbs.add_parser(
            "add",
            help="Store a new schedule.",
            usage="manage.py schedule add NAME [EXPRESSION] TASK [options]",
        )
        schedule_arguments.add_definition(adding)
        arguments.add_format(adding)
        listing = verbs.add_parser("list", help="Every schedule with its next run.")
        listing.add_argument("--backend", metavar="ALIAS", help="Only schedules of this alias.")
        arguments.add_format(listing)
        for verb, what in _VERBS.items():
            named = self.add_named(verbs, verb, what)
            if verb == "next":
                named.add_argument(
                    "-n", dest="count", type=arguments.whole_number(1, MOST_RUNS), default=RUNS,
                    metavar="N", help="How many (5).",
                )  # fmt: skip
        self.add_backfill(verbs)
        self.add_import(verbs)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        with arguments.store_errors(), self.refusals():
            getattr(self, f"_{options['verb']}")(options)

    # The verbs.

    def _add(self, options: dict[str, Any]) -> None:
        definition = schedule_arguments.definition_from(options)
        with self.refusals(WRONG):
            row = edits.add(definition, is_enabled=not options["disabled"])
        self._tell(options, row)

    def _list(self, options: dict[str, Any]) -> None:
        self.check_backend(options)
        now = datetime.now(UTC)
        found = [(row, schedules.runs_of(row, 1, now)) for row in edits.every(options["backend"])]
        if options["format"] == "json":
            self.write_json([schedules.value_of(row, runs) for row, runs in found])
        else:
            self.write(schedules.listing(found))

    def _show(self, options: dict[str, Any]) -> None:
        row = self.named(options)
        runs = schedules.runs_of(row, RUNS, datetime.now(UTC))
        ticks = latest_ticks(row, TICKS)
        if options["format"] == "json":
            told = [schedules.value_of_tick(*tick) for tick in ticks]
            self.write_json({**schedules.value_of(row, runs), "ticks": told})
            return
        self.write(schedules.text_of(row, runs))
        if ticks:
            self.write(f"\n{schedules.ticks_table(ticks)}")

    def _next(self, options: dict[str, Any]) -> None:
        row = self.named(options)
        runs = next_runs(row, options["count"], datetime.now(UTC))
        if options["format"] == "json":
            self.write_json([schedules.value_of_run(run) for run in runs])
        else:
            self.write(schedules.runs_table(row, runs))
        if not row.enabled:
            self.stderr.write(f"The schedule {tables.clean(row.name)!r} is switched off.")

    def _enable(self, options: dict[str, Any]) -> None:
        note = "" if edits.enable(self.named(options)) else "was on before"
        self._tell(options, self.named(options), note)

    def _disable(self, options: dict[str, Any]) -> None:
        note = "" if edits.disable(self.named(options)) else "was off before"
        self._tell(options, self.named(options), note)

    def _run(self, options: dict[str, Any]) -> None:
        row = self.named(options)
        edits.check_backend(row)
        try:
            tick = run_now(row)
        except (TypeError, ValueError) as error:
            # What a row holds that nobody has checked: it was written by hand.
            raise InvalidSchedule(f"The schedule {row.name!r} cannot be run: {error}") from error
        if options["format"] == "json":
            self.write_json(schedules.value_of_tick(tick, state_after(row, tick)))
        else:
            self.write(str(tick.job_id))

    def _remove(self, options: dict[str, Any]) -> None:
        row = self.named(options)
        edits.remove(row)
        if options["format"] == "json":
            self.write_json({"name": row.name, "removed": True})
        else:
            self.write(f"The schedule {row.name!r} was removed; its jobs stay.")

    def _tell(self, options: dict[str, Any], row: Schedule, note: str = "") -> None:
        """Print a schedule as it is now."""
        runs = schedules.runs_of(row, 1, datetime.now(UTC))
        if options["format"] == "json":
            self.write_json({**schedules.value_of(row, runs), "told": note})
            return
        self.write(schedules.listing([(row, runs)]))
        if note:
            self.write(note)


_VERBS = {
    "show": "Everything of a schedule: its next runs, and its last ticks with their jobs.",
    "next": "The next runs, in the schedule's time zone and in UTC.",
    "enable": "Switch a schedule on; what was due meanwhile is let go.",
    "disable": "Switch a schedule off; jobs that wait or run are left alone.",
    "run": "Make a job of a schedule now, whatever its policies say.",
    "remove": "Delete a schedule with its ticks; its jobs stay.",
}
