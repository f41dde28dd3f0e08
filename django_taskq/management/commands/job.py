"""manage.py job: look at jobs, cancel, retry, amend, requeue and enqueue them."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from django.core.management.base import CommandError
from django.tasks import TaskResult
from django.tasks.base import Task as DjangoTask
from django.tasks.exceptions import InvalidTask, InvalidTaskBackend, TaskResultDoesNotExist
from django.utils.translation import override

from django_taskq import control
from django_taskq.exceptions import DuplicateJob, JobUnloadable
from django_taskq.jobs.change import Change
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import ENDED, State
from django_taskq.jobs.unique import OnDuplicate
from django_taskq.loading import load_task
from django_taskq.management import arguments, jobs, tables
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.management.canceling import CancelingCommand
from django_taskq.tasks import Task


class Line(NamedTuple):
    """What became of one job that the command line named."""

    id: str
    before: str | None
    after: str | None
    note: str = ""
    is_done: bool = True


class Command(CancelingCommand):
    """Parse what was asked for, hand it to the store, print what became of it."""

    help = "Look at jobs, cancel, retry, amend, requeue and enqueue them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        self._add_list(verbs.add_parser("list", help="The newest jobs that match."))
        self._add_amend(
            verbs.add_parser("amend", help="Give waiting jobs another queue or priority.")
        )
        for verb, what in _VERBS.items():
            named = verbs.add_parser(verb, help=what)
            by_filter = verb == "cancel"
            named.add_argument(
                "ids", nargs="*" if by_filter else "+", type=arguments.job_id, metavar="ID"
            )
            if by_filter:
                arguments.add_filters(named, [s.value for s in State if s not in ENDED])
                arguments.add_no_input(named)
            arguments.add_backends(named)
            arguments.add_format(named)
        self._add_enqueue(verbs.add_parser("enqueue", help="Enqueue a registered task."))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        with arguments.store_errors():
            getattr(self, f"_{options['verb']}")(options)

    def _add_list(self, parser: ArgumentParser) -> None:
        arguments.add_filters(parser, [state.value for state in State])
        parser.add_argument(
            "--limit", type=arguments.whole_number(1, 10_000), default=50, help="How many (50)."
        )
        arguments.add_backends(parser)
        arguments.add_format(parser)

    def _add_amend(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="+", type=arguments.job_id, metavar="ID")
        parser.add_argument("--queue", metavar="QUEUE", help="The queue to stand in.")
        parser.add_argument(
            "--priority", type=arguments.whole_number(-100, 100), help="-100 to 100."
        )
        arguments.add_backends(parser)
        arguments.add_format(parser)

    def _add_enqueue(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", metavar="PATH", help="The import path of a @task.")
        parser.add_argument(
            "--args", type=arguments.json_of(list), dest="positional", default=[], metavar="JSON"
        )
        parser.add_argument(
            "--kwargs", type=arguments.json_of(dict), dest="named", default={}, metavar="JSON"
        )
        parser.add_argument("--tenant", help="On whose behalf.")
        parser.add_argument("--queue", dest="queue_name", metavar="QUEUE")
        parser.add_argument(
            "--priority", type=arguments.whole_number(-100, 100), help="-100 to 100."
        )
        parser.add_argument(
            "--max-tries", type=arguments.whole_number(1), metavar="N", help="Tries in all."
        )
        parser.add_argument(
            "--run-after", type=arguments.moment, metavar="WHEN",
            help="Not before this time (2026-12-24T18:00), or a duration from now (90s, 10m).",
        )  # fmt: skip
        parser.add_argument(
            "--task-id", metavar="NAME", help="A predictable id: one unfinished job for each."
        )
        parser.add_argument(
            "--on-duplicate", choices=list(map(str, OnDuplicate)),
            help="What to do where an unfinished job has the --task-id (raise).",
        )  # fmt: skip
        parser.add_argument("--backend", metavar="ALIAS", help="Default: the task's own.")
        arguments.add_format(parser)

    # The verbs.

    def _list(self, options: dict[str, Any]) -> None:
        wanted = _filter_of(options)._replace(limit=options["limit"])
        found = control.find(wanted, arguments.wanted_aliases(options["backends"]))
        if options["format"] == "json":
            self.write_json([jobs.summary_of(record) for record in found])
        else:
            self.write(tables.table(jobs.COLUMNS, map(jobs.row_of, found)))

    def _show(self, options: dict[str, Any]) -> None:
        found = self._located(options, has_attempts=True)
        told = [(record, _why(record)) for record in found.values()]
        if options["format"] == "json":
            self.write_json([jobs.details_of(*item) for item in told])
        else:
            self.write("\n\n".join(jobs.text_of(*item) for item in told))
        missing = [id for id in _ids(options) if id not in found]
        if missing:
            raise CommandError(_unknown(missing), returncode=CANNOT)

    def _cancel(self, options: dict[str, Any]) -> None:
        wanted = _filter_of(options)
        if bool(options["ids"]) == (wanted != JobFilter()):
            raise CommandError(
                "cancel: expected the ids of jobs, or else --queue, --tenant, --task or --state to "
                f"say which, got {'both' if options['ids'] else 'neither'}.",
                returncode=WRONG,
            )
        if options["ids"]:
            self._change(options, control.cancel_many, "had ended before")
        else:
            self.cancel_matching(options, wanted)

    def _retry(self, options: dict[str, Any]) -> None:
        self._change(options, control.retry_many, "only failed, canceled and skipped jobs can")

    def _amend(self, options: dict[str, Any]) -> None:
        changes = {"queue": options["queue"], "priority": options["priority"]}
        try:
            amend = partial(control.amend_many, **changes)
            self._change(options, amend, "only jobs that wait can")
        except ValueError as error:
            raise CommandError(f"amend: {error}", returncode=WRONG) from error

    def _requeue(self, options: dict[str, Any]) -> None:
        found = self._located(options)
        lines = []
        for id in _ids(options):
            copies = control.requeue_many([id], found[id].backend) if id in found else []
            lines.append(_copied(found[id], copies[0]) if copies else _missing(id))
        self._report(options, lines)

    def _enqueue(self, options: dict[str, Any]) -> None:
        try:
            result = self._enqueued(options)
        except (InvalidTask, InvalidTaskBackend, JobUnloadable, TypeError, ValueError) as error:
            raise CommandError(f"{options['path']!r}: {error}", returncode=WRONG) from error
        except DuplicateJob as error:
            raise CommandError(str(error), returncode=CANNOT) from error
        if options["format"] == "json":
            self.write_json(jobs.summary_of(control.get_job(result)))
        else:
            self.write(result.id)

    # Their steps.

    def _enqueued(self, options: dict[str, Any]) -> TaskResult:
        task = load_task(options["path"])
        changes = {name: options[name] for name in _CHANGES if options[name] is not None}
        arguments.wanted_aliases([changes.get("backend", task.backend)])
        return _ours(task).using(**changes).enqueue(*options["positional"], **options["named"])

    def _located(
        self, options: dict[str, Any], *, has_attempts: bool = False
    ) -> dict[str, JobRecord]:
        ids = _ids(options)
        aliases = arguments.wanted_aliases(options["backends"])
        found = control.locate(ids, aliases, has_attempts=has_attempts)
        return {id: found[id] for id in ids if id in found}

    def _change(
        self, options: dict[str, Any], verb: Callable[..., list[Change]], otherwise: str
    ) -> None:
        found = self._located(options)
        changes = {
            change.id: change
            for alias, ids in _by_alias(found).items()
            for change in verb(ids, alias)
        }
        self._report(
            options,
            [
                _changed(changes[id], otherwise) if id in changes else _missing(id)
                for id in _ids(options)
            ],
        )

    def _report(self, options: dict[str, Any], lines: Sequence[Line]) -> None:
        if options["format"] == "json":
            self.write_json([line._asdict() for line in lines])
        else:
            self.write(tables.table(Line._fields[:4], [line[:4] for line in lines]))
        undone = [line.id for line in lines if not line.is_done]
        if undone:
            raise CommandError(
                f"{options['verb']}: {len(undone)} of {len(lines)} jobs stayed as they were: "
                f"{', '.join(undone)}.",
                returncode=CANNOT,
            )


_VERBS = {
    "show": "Everything of a job, with the traceback and the log of each try.",
    "cancel": "Cancel jobs that wait, ask running ones to stop; by id, or all that match.",
    "retry": "Run failed, canceled or skipped jobs again.",
    "requeue": "Enqueue a copy of jobs in any state.",
}

_CHANGES = (
    "tenant", "queue_name", "priority", "max_tries", "run_after", "task_id", "on_duplicate",
    "backend",
)  # fmt: skip


def _filter_of(options: dict[str, Any]) -> JobFilter:
    return JobFilter(options["state"], options["queue"], options["tenant"], options["task"])


def _ids(options: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(options["ids"]))


def _why(record: JobRecord) -> str | None:
    """Return why a job has not ended; None where it has, or is gone meanwhile."""
    if record.is_ended:
        return None
    try:
        # What commands print is in one language: scripts read it.
        with override(None):
            return control.why(record.id, record.backend)
    except TaskResultDoesNotExist:
        return None


def _ours(task: DjangoTask) -> Task:
    if isinstance(task, Task):
        return task
    plain = {name: getattr(task, name) for name in DjangoTask.__dataclass_fields__}
    return Task(**plain)


def _by_alias(found: dict[str, JobRecord]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for record in found.values():
        grouped.setdefault(record.backend, []).append(record.id)
    return grouped


def _changed(change: Change, otherwise: str) -> Line:
    if change.held_by is not None:
        otherwise = control.held_by(change.held_by)
    is_done = change.is_asked or change.is_amended or change.before != change.after
    note = "asked to stop" if change.is_asked else "" if is_done else otherwise
    return Line(change.id, _state(change.before), _state(change.after), note, is_done)


def _copied(record: JobRecord, copy: str) -> Line:
    return Line(record.id, str(record.state), str(record.state), f"copy {copy}")


def _missing(id: str) -> Line:
    return Line(id, None, None, "no such job", is_done=False)


def _state(state: State | str | None) -> str | None:
    return None if state is None else str(state)


def _unknown(ids: Iterable[str]) -> str:
    return f"There is no job with the id {', '.join(ids)}."
