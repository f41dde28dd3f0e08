"""manage.py taskq: numbers, health, pruning, stops, checks and a benchmark of durable backends."""

import socket
from argparse import ArgumentParser
from collections.abc import Container, Iterable
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.management.base import CommandError
from django.tasks.checks import check_tasks

from django_taskq import control, health
from django_taskq.advice import JUDGED, Subject
from django_taskq.checks import check_monitoring, check_pools, check_project
from django_taskq.exceptions import BenchmarkError
from django_taskq.management import (
    arguments,
    benchmarks,
    rules,
    stats,
    stopping,
    tables,
    watching,
)
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.management.printing import PrintingCommand
from django_taskq.questions import NoAnswer
from django_taskq.situations import advise

PRUNE_BATCH = 1000


class Command(PrintingCommand):
    """Parse what was asked for, ask the stores, print what they answer."""

    help = "Show numbers and health of the queues, prune ended jobs, check the set-up, measure it."
    # A probe must be quick, and `check` runs its own.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        parsers = {verb: verbs.add_parser(verb, help=what) for verb, what in _VERBS.items()}
        parsers["stats"].add_argument("--queue", help="Only jobs of this queue.")
        parsers["stats"].add_argument("--tenant", help="Only jobs of this tenant.")
        parsers["stats"].add_argument(
            "--watch", nargs="?", type=arguments.seconds, const=watching.PAUSE, metavar="S",
            help="Draw the numbers again and again, with rates and times of the last minutes (2).",
        )  # fmt: skip
        rules.add_limit(parsers["stats"], arguments.whole_number(1))
        parsers["health"].add_argument(
            "--max-age", type=arguments.seconds, default=health.MAX_AGE, metavar="S",
            help="How long the oldest ready job may have waited (300).",
        )  # fmt: skip
        parsers["health"].add_argument(
            "--max-stall", type=arguments.seconds, default=health.MAX_STALL, metavar="S",
            help="How long the claim loop of a live worker may stand still (60).",
        )  # fmt: skip
        parsers["health"].add_argument(
            "--host", nargs="?", const=socket.gethostname(), metavar="NAME",
            help="Judge the workers of one host and nothing else; without a name, of this one.",
        )  # fmt: skip
        parsers["stop"].add_argument(
            "names", nargs="+", metavar="WORKER",
            help="A worker's id or name, as `taskq stats` lists them, or what --name gave it.",
        )  # fmt: skip
        for verb in ("health", "check"):
            parsers[verb].add_argument(
                "--timeout", type=arguments.seconds, default=health.TIMEOUT, metavar="S",
                help="How long a store may take to answer (5).",
            )  # fmt: skip
        bench = verbs.add_parser("bench", help="Measure the queue on your own database.")
        benchmarks.add_load(bench)
        for verb_parser in parsers.values():
            arguments.add_backends(verb_parser)
            arguments.add_format(verb_parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        with arguments.store_errors():
            getattr(self, f"_{options['verb']}")(options)

    def _stats(self, options: dict[str, Any]) -> None:
        if options["watch"] is not None:
            if options["format"] == "json":
                raise CommandError(
                    "--watch draws for a terminal: leave --format json out.", returncode=WRONG
                )
            watching.watch(lambda: self._live(options), self.write, options["watch"])
            return
        found = _views(options)
        if options["format"] == "json":
            self.write_json({view.alias: stats.value_of(view) for view in found})
        else:
            self.write("\n\n".join(stats.text_of(view, options["limit"]) for view in found))

    def _live(self, options: dict[str, Any]) -> str:
        return "\n\n".join(
            f"{stats.text_of(view, options['limit'])}\n\n"
            f"{watching.rates_of(view.alias, view.insights.now)}"
            for view in _views(options)
        )

    def _health(self, options: dict[str, Any]) -> None:
        found = health.examine(
            arguments.wanted_aliases(options["backends"]),
            max_age=options["max_age"],
            max_stall=options["max_stall"],
            timeout=options["timeout"],
            host=options["host"],
        )
        # One that is ill has told why, and may answer nothing more.
        well = [backend.alias for backend in found.backends if backend.is_healthy]
        is_whole = options["host"] is None
        warnings = _warnings(well, options["timeout"], JUDGED) if is_whole else {}
        if options["format"] == "json":
            value = health.value_of(found)
            for alias, told in warnings.items():
                value["backends"][alias]["warnings"] = told
            self.write_json(value)
        else:
            self.write(tables.table(_HEALTH, map(_health_row, found.backends)))
            for alias, told in warnings.items():
                for text in told:
                    self.write(tables.clean(f"warning in {alias}: {text}"))
        if not found.is_healthy:
            raise CommandError(tables.clean(" ".join(found.reasons)), returncode=CANNOT)

    def _prune(self, options: dict[str, Any]) -> None:
        pruned = {alias: _pruned(alias) for alias in arguments.wanted_aliases(options["backends"])}
        if options["format"] == "json":
            self.write_json(pruned)
        else:
            self.write(tables.table(("backend", "pruned"), pruned.items()))

    def _stop(self, options: dict[str, Any]) -> None:
        aliases = arguments.wanted_aliases(options["backends"])
        asked, unknown = stopping.ask_to_stop(options["names"], aliases)
        if options["format"] == "json":
            self.write_json([each._asdict() for each in asked])
        elif asked:
            self.write(tables.table(("backend", "asked to stop"), asked))
        if unknown:
            names = ", ".join(map(repr, unknown))
            raise CommandError(
                tables.clean(
                    f"No live worker has the name {names}. `taskq stats` lists the workers."
                ),
                returncode=CANNOT,
            )

    def _check(self, options: dict[str, Any]) -> None:
        messages = _messages()
        has_errors = any(message.level >= checks.ERROR for message in messages)
        # A store that cannot be made tells nothing beyond the errors that are listed.
        aliases = [] if has_errors else arguments.wanted_aliases(options["backends"])
        faults = health.find_faults(aliases, options["timeout"])
        is_sound = not has_errors and not any(faults.values())
        if options["format"] == "json":
            self.write_json(
                {
                    "is_sound": is_sound,
                    "messages": [_message_of(message) for message in messages],
                    "faults": faults,
                }
            )
        else:
            self.write("\n".join(_check_lines(messages, faults)))
        if not is_sound:
            raise CommandError("The set-up has faults; they are listed above.", returncode=CANNOT)

    def _bench(self, options: dict[str, Any]) -> None:
        # Imported late: a probe needs no worker, whose import would slow it.
        from django_taskq.benchmark.run import run_benchmark

        given = options["backend"]
        alias = arguments.wanted_aliases(None if given is None else [given])[0]
        try:
            report = run_benchmark(alias, benchmarks.load_of(options), self._tell)
        except BenchmarkError as error:
            raise CommandError(tables.clean(str(error)), returncode=CANNOT) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. What had been stored is deleted.", returncode=CANNOT
            ) from None
        finally:
            self._tell("")
        value = benchmarks.value_of(report)
        if options["format"] == "json":
            self.write_json(value)
        else:
            self.write(benchmarks.text_of(report))
        if options["output"] is not None:
            arguments.write_file("--output", options["output"], tables.as_json(value))

    def _tell(self, text: str) -> None:
        """Show on a terminal what is under way, each time in the same line."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", str, "")


_HEALTH = ("backend", "healthy", "workers", "stalled", "ready", "running", "oldest ready")
_VERBS = {
    "stats": "Depth by queue, tenant and state, the oldest ready job, the workers.",
    "health": "Succeed when workers make progress, fail and say why when not.",
    "prune": "Delete ended jobs older than RETENTION, and expired XCom values, now.",
    "stop": "Ask workers to finish what they run and to end, as SIGTERM would.",
    "check": "Run the system checks of the queues, and look at tables, migrations and leases.",
}


def _views(options: dict[str, Any]) -> list[stats.View]:
    queue, tenant = options["queue"], options["tenant"]
    aliases = arguments.wanted_aliases(options["backends"])
    is_whole = (queue, tenant) == (None, None)
    warnings = _warnings(aliases, health.TIMEOUT) if is_whole else {}
    return [stats.view(alias, queue, tenant, warnings.get(alias, ())) for alias in aliases]


def _warnings(
    aliases: Iterable[str], timeout: float, left_out: Container[Subject] = ()
) -> dict[str, list[str]]:
    """Return what is to be said of each alias that answers."""
    return {
        alias: [each.text for each in told if each.subject not in left_out]
        for alias, told in advise(aliases, timeout).items()
        if not isinstance(told, NoAnswer)
    }


def _pruned(alias: str) -> int:
    store = control.store_of(alias)
    total = 0
    while count := store.prune(PRUNE_BATCH):
        total += count
        control.take_fallen(store)
    return total


def _health_row(found: health.BackendHealth) -> tuple[Any, ...]:
    return (
        found.alias, found.is_healthy, found.workers, found.stalled, found.ready, found.running,
        found.oldest_ready_age,
    )  # fmt: skip


def _messages() -> list[checks.CheckMessage]:
    """Run the checks of the settings, and those of our models in the databases that hold them."""
    messages = [*check_tasks(), *check_project(), *check_pools(), *check_monitoring()]
    if any(message.level >= checks.ERROR for message in messages):
        return messages
    if apps.is_installed("django_taskq"):
        databases = {control.database_of(alias) for alias in control.durable_aliases()}
        messages += checks.run_checks(
            app_configs=[apps.get_app_config("django_taskq")],
            tags=[checks.Tags.models, checks.Tags.database],
            databases=sorted(databases),
        )
    return messages


def _message_of(message: checks.CheckMessage) -> dict[str, Any]:
    level = "error" if message.level >= checks.ERROR else "warning"
    return {"level": level, "id": message.id, "message": message.msg, "hint": message.hint}


def _check_lines(
    messages: Iterable[checks.CheckMessage], faults: dict[str, tuple[str, ...]]
) -> Iterable[str]:
    for message in messages:
        told = _message_of(message)
        yield tables.clean(f"{told['level']} {told['id']}: {told['message']}")
        if told["hint"]:
            yield tables.clean(f"    hint: {told['hint']}")
    for alias, found in faults.items():
        for fault in found:
            yield tables.clean(f"fault in {alias}: {fault}")
        if not found:
            yield tables.clean(f"{alias}: tables, migrations and leases are in order.")
