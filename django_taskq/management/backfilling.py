"""Backfills on the command line."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from django_taskq.management import arguments, tables
from django_taskq.management.arguments import WRONG
from django_taskq.management.schedule_arguments import local_moment
from django_taskq.management.scheduling import SchedulingCommand
from django_taskq.models import Backfill, Schedule
from django_taskq.scheduling import backfills, edits
from django_taskq.scheduling.clocks import instant_of, parse_timezone
from django_taskq.scheduling.progress import Progress, progress_of
from django_taskq.stores.database.clock import aware

SHOWN = 20
COLUMNS = (
    "from", "to", "at once", "made", "waiting", "running", "successful", "failed", "canceled",
    "standing",
)  # fmt: skip


class BackfillingCommand(SchedulingCommand):
    """A command that makes jobs for the due instants of a range."""

    def add_backfill(self, verbs: Any) -> None:
        """Declare the verb."""
        parser = self.add_named(
            verbs,
            "backfill",
            "Make a job for each due instant of a range, or tell how far backfills are.",
        )
        parser.add_argument(
            "--from", dest="since", type=local_moment, metavar="TIME",
            help="The first instant, in the schedule's time zone unless it has an offset.",
        )  # fmt: skip
        parser.add_argument(
            "--to", dest="until", type=local_moment, metavar="TIME",
            help="The last one (now); both are included.",
        )  # fmt: skip
        parser.add_argument(
            "--max-running", type=arguments.whole_number(1), metavar="N",
            help="How many of its jobs run at once (1; any number where overlap is allow).",
        )  # fmt: skip
        parser.add_argument(
            "--stop", action="store_true",
            help="Make no more jobs, cancel those of its backfills that have not ended.",
        )  # fmt: skip

    def _backfill(self, options: dict[str, Any]) -> None:
        row = self.named(options)
        edits.check_backend(row)
        if options["since"] is not None and not options["stop"]:
            found = [self._begun(row, options)]
        else:
            _check_alone(options)
            found = list(_backfills(row)[:SHOWN])
        if options["stop"]:
            for each in found:
                if each.stopped_at is None:
                    backfills.stop(each)
        if options["format"] == "json":
            self.write_json([_value_of(each) for each in found])
        else:
            self.write(tables.table(COLUMNS, map(_line_of, found)))

    def _begun(self, row: Schedule, options: dict[str, Any]) -> Backfill:
        zone = parse_timezone(row.timezone)
        since = instant_of(options["since"], zone)
        given = options["until"]
        until = datetime.now(UTC) if given is None else instant_of(given, zone)
        with self.refusals(WRONG):
            return backfills.backfill(row, since, until, max_running=options["max_running"])


def _check_alone(options: dict[str, Any]) -> None:
    """Refuse what says of a new backfill more than that there is to be one."""
    given = [name for name in _OF_A_NEW_ONE if options[_OF_A_NEW_ONE[name]] is not None]
    if given:
        way = "Leave it out to stop what there is" if options["stop"] else "Add --from"
        raise CommandError(
            f"backfill: expected --from beside {' and '.join(given)} and no --stop. {way}.",
            returncode=WRONG,
        )


_OF_A_NEW_ONE = {"--from": "since", "--to": "until", "--max-running": "max_running"}


def _backfills(row: Schedule) -> Any:
    return Backfill._default_manager.using(row._state.db).filter(schedule_id=row.pk)


def _line_of(row: Backfill) -> tuple[Any, ...]:
    progress = progress_of(row)
    return (
        aware(row.from_at), aware(row.until_at), row.max_running, progress.made, progress.waiting,
        progress.running, progress.successful, progress.failed, progress.canceled,
        _standing_of(progress),
    )  # fmt: skip


def _value_of(row: Backfill) -> dict[str, Any]:
    progress = progress_of(row)
    return {
        "id": row.pk,
        "from": aware(row.from_at),
        "to": aware(row.until_at),
        "max_running": row.max_running,
        **{name: value for name, value in progress._asdict().items() if name != "is_cut"},
        "standing": _standing_of(progress),
    }


def _standing_of(progress: Progress) -> str:
    if progress.is_stopped:
        return "stopped"
    if progress.is_done:
        return "done"
    return "running" if progress.is_made else "making jobs"
