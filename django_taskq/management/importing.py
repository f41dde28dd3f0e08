"""Taking over schedules of other packages on the command line."""

from typing import Any

from django_taskq.management import arguments, tables
from django_taskq.management.arguments import WRONG
from django_taskq.management.scheduling import SchedulingCommand
from django_taskq.scheduling.imports.run import ORIGINS, Imported, import_from


class ImportingCommand(SchedulingCommand):
    """A command that stores the schedules of another package."""

    def add_import(self, verbs: Any) -> None:
        """Declare the verb."""
        parser = verbs.add_parser(
            "import", help="Store the schedules that are in the tables of another package."
        )
        parser.add_argument(
            "--from", dest="origin", choices=list(ORIGINS), required=True,
            help="The package; it has to be installed still.",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would become of each, store nothing."
        )
        arguments.add_format(parser)

    def _import(self, options: dict[str, Any]) -> None:
        with self.refusals(WRONG):
            done = list(import_from(options["origin"], is_dry=options["dry_run"]))
        if options["format"] == "json":
            self.write_json([each._asdict() for each in done])
            return
        self.write(tables.table(Imported._fields[:2], [each[:2] for each in done]))
        # Reasons are sentences, too long for a cell.
        for each in done:
            if each.why is not None:
                self.write(f"{tables.clean(each.name)}: {tables.clean(each.why)}")
