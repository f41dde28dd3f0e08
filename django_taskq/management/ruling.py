"""The verbs that `manage.py tenant` and `manage.py queue` share."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django_taskq import rulings
from django_taskq.jobs.insights import LaneCount
from django_taskq.management import arguments, rules, tables
from django_taskq.management.printing import PrintingCommand
from django_taskq.models import Queue, Tenant
from django_taskq.standings import Standing, lanes_of, most_waiting_first


class RulingCommand(PrintingCommand):
    """Base of the commands that show and write what operators say of tenants or queues."""

    kind: ClassVar[type[Tenant | Queue]]

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> Iterable[Standing]:
        """Return the tenants or queues of a database."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        with arguments.store_errors(), rules.refusals():
            getattr(self, f"_{options['verb']}")(options)

    def add_shared(self, verbs: Any) -> None:
        """Declare `list`, `pause` and `resume`."""
        what = self.kind._meta.verbose_name
        listing = verbs.add_parser(
            "list", help=f"Every {what} that has a row or unfinished jobs, most waiting first."
        )
        rules.add_limit(listing, arguments.whole_number(1))
        rules.add_backends(listing)
        arguments.add_format(listing)
        self.add_named(verbs, "pause", f"Start no jobs of a {what}; those that run go on.")
        self.add_named(verbs, "resume", f"Start the jobs of a paused {what} again.")

    def add_named(self, verbs: Any, verb: str, what: str) -> ArgumentParser:
        """Declare a verb about one tenant or queue."""
        parser: ArgumentParser = verbs.add_parser(verb, help=what)
        parser.add_argument("name", metavar="NAME", help="Its name.")
        rules.add_backends(parser)
        arguments.add_format(parser)
        return parser

    def rule(self, options: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Write columns of a row, and print what it says now."""
        places = rules.wanted_places(options["backends"])
        for database in places:
            rulings.rule(self.kind, options["name"], database, **values)
        self._tell(options, dict.fromkeys(places, ""))

    def _list(self, options: dict[str, Any]) -> None:
        found = [
            (database, standing)
            for database, aliases in rules.wanted_places(options["backends"]).items()
            for standing in self.standings(database, lanes_of(aliases))
        ]
        if options["format"] == "json":
            self.write_json(
                [{"database": name, **rules.value_of(standing)} for name, standing in found]
            )
            return
        found.sort(key=lambda item: most_waiting_first(item[1]))
        shown, more = rules.cut(found, options["limit"])
        header = (*rules.columns_of(self.kind), "database")
        lines = ((*rules.row_of(standing), name) for name, standing in shown)
        self.write(f"{tables.table(header, lines)}{more}")

    def _pause(self, options: dict[str, Any]) -> None:
        self._switch(options, rulings.pause, "was paused before")

    def _resume(self, options: dict[str, Any]) -> None:
        self._switch(options, rulings.resume, "was not paused")

    def _switch(self, options: dict[str, Any], verb: Callable[..., bool], otherwise: str) -> None:
        self._tell(
            options,
            {
                database: "" if verb(self.kind, options["name"], database) else otherwise
                for database in rules.wanted_places(options["backends"])
            },
        )

    def _tell(self, options: dict[str, Any], notes: Mapping[str, str]) -> None:
        """Print what the row says now, in each of the databases."""
        told = []
        for database, note in notes.items():
            rows = self.kind._default_manager.using(database)
            row = rows.filter(name=options["name"]).first() or self.kind(name=options["name"])
            told.append(rules.ruled(row, database, note))
        if options["format"] == "json":
            self.write_json(told)
        else:
            header = [name.replace("_", " ") for name in told[0]]
            self.write(tables.table(header, [tuple(line.values()) for line in told]))
