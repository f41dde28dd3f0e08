"""manage.py pipeline: look at runs of pipelines, retry and cancel them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from django_taskq.exceptions import InvalidPipeline
from django_taskq.jobs.filters import RunFilter
from django_taskq.jobs.wording import counted
from django_taskq.management import arguments, runs, tables
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.management.printing import PrintingCommand
from django_taskq.pipelines.listing import backend_of, find_runs
from django_taskq.pipelines.run import PipelineRun, get_run


class Command(PrintingCommand):
    """Parse what was asked for, hand it to the run, print what became of it."""

    help = "Look at runs of pipelines, retry and cancel them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listed = verbs.add_parser("list", help="The newest runs.")
        listed.add_argument("--tenant", help="Only runs with jobs of this tenant.")
        listed.add_argument(
            "--limit", type=arguments.whole_number(1, 1000), default=20, help="How many (20)."
        )
        arguments.add_backends(listed)
        arguments.add_format(listed)
        for verb, what in _VERBS.items():
            named = verbs.add_parser(verb, help=what)
            named.add_argument("run", type=arguments.run_id, metavar="RUN", help="The id of a run.")
            if verb == "show":
                named.add_argument(
                    "--graph", choices=("dot", "mermaid"),
                    help="Print the graph alone, in the language of Graphviz or Mermaid.",
                )  # fmt: skip
            if verb == "retry":
                named.add_argument(
                    "--node", metavar="NAME",
                    help="Run this step once more, whatever its state, as a new run.",
                )  # fmt: skip
                named.add_argument(
                    "--only", action="store_true", help="With --node: without what comes after it."
                )
            arguments.add_backends(named)
            arguments.add_format(named)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        with arguments.store_errors():
            getattr(self, f"_{options['verb']}")(options)

    # The verbs.

    def _list(self, options: dict[str, Any]) -> None:
        wanted = RunFilter(tenant=options["tenant"], limit=options["limit"])
        found = find_runs(wanted, arguments.wanted_aliases(options["backends"]))
        if options["format"] == "json":
            self.write_json([runs.summary_of(run) for run in found])
        else:
            self.write(tables.table(runs.COLUMNS, map(runs.row_of, found)))

    def _show(self, options: dict[str, Any]) -> None:
        run = self._located(options)
        if options["graph"] is not None:
            self.write(getattr(run.graph(), options["graph"])())
        elif options["format"] == "json":
            self.write_json(runs.details_of(run))
        else:
            self.write(runs.text_of(run))

    def _retry(self, options: dict[str, Any]) -> None:
        run = self._located(options)
        if options["only"] and options["node"] is None:
            raise CommandError(
                "retry: expected --node beside --only, got none. Name the step that is to run.",
                returncode=WRONG,
            )
        if options["node"] is not None:
            try:
                again = run.rerun(options["node"], downstream=not options["only"])
            except InvalidPipeline as error:
                raise CommandError(str(error), returncode=WRONG) from error
            self._tell(options, again, "again", len(again.results))
            return
        count = run.retry_failed()
        self._tell(options, run, "retried", count)
        if not count:
            raise CommandError(f"Run {run.id} has no job that failed.", returncode=CANNOT)

    def _cancel(self, options: dict[str, Any]) -> None:
        run = self._located(options)
        count = run.cancel()
        self._tell(options, run, "canceled", count)
        if not count:
            raise CommandError(f"Run {run.id} had ended before.", returncode=CANNOT)

    # Their steps.

    def _located(self, options: dict[str, Any]) -> PipelineRun:
        alias = backend_of(options["run"], arguments.wanted_aliases(options["backends"]))
        if alias is None:
            raise CommandError(f"There is no run with the id {options['run']}.", returncode=CANNOT)
        return get_run(options["run"], alias)

    def _tell(self, options: dict[str, Any], run: PipelineRun, verb: str, count: int) -> None:
        if options["format"] == "json":
            self.write_json({"id": run.id, "status": str(run.status), verb: count})
        else:
            self.write(f"{run.id} {run.status}: {counted(count, 'job')} {verb}")


_VERBS = {
    "show": "The steps of a run, how they stand, and what waits for what.",
    "retry": "Run what failed again, and with it what waits for that.",
    "cancel": "Cancel what waits, ask what runs to stop.",
}
