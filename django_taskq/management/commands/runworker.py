"""manage.py runworker: work the jobs of the durable backends."""

import multiprocessing
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.tasks import task_backends

from django_taskq.jobs.wording import counted
from django_taskq.management.arguments import (
    CANNOT,
    names,
    stolen_tenants,
    tenants,
    whole_number,
)
from django_taskq.management.plans import plans_of
from django_taskq.management.reloading import run_with_reloader
from django_taskq.options import LONGEST_SECONDS
from django_taskq.tenancy import check_name
from django_taskq.worker.logs import show_logs
from django_taskq.worker.process import Plan
from django_taskq.worker.supervision.obstacles import find_obstacles
from django_taskq.worker.supervision.orders import Orders
from django_taskq.worker.supervision.supervisor import Supervisor

# The column of a worker's id has room for it and for what tells the worker's lives apart; beside
# the name of a pool it may have to be shorter.
LONGEST_NAME = 100


def _name(text: str) -> str:
    wrong = check_name(text, LONGEST_NAME)
    if wrong is not None:
        raise ArgumentTypeError(wrong)
    return text


def _seconds(least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        # Python's locks cannot wait much longer, and not for ever at all.
        if not least <= value <= LONGEST_SECONDS:
            raise ArgumentTypeError(
                f"expected seconds from {least:g} to {LONGEST_SECONDS}, got {text!r}"
            )
        return value

    return read


def _start_method() -> str:
    # On macOS, libraries of the system break in a fork.
    methods = multiprocessing.get_all_start_methods()
    return "fork" if "fork" in methods and sys.platform != "darwin" else "spawn"


def _refuse_obstacles(plans: Sequence[Plan], options: dict[str, Any]) -> None:
    """Raise CommandError where a worker would try in vain for ever; no answer is no obstacle."""
    method = options["start_method"] or _start_method()
    aliases = list(dict.fromkeys(plan.alias for plan in plans))
    for alias, obstacle in find_obstacles(aliases, method, options["verbosity"]).items():
        raise CommandError(f"{alias!r} cannot be worked: {obstacle}", returncode=CANNOT)


class Command(BaseCommand):
    """Parse what was asked for and start the worker process."""

    help = "Run jobs of the durable task backends until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "pools",
            nargs="*",
            metavar="POOL",
            help="Pools of TASKQ['WORKERS'] to run, each apart from the others.",
        )
        parser.add_argument(
            "--backend",
            action="append",
            metavar="ALIAS",
            dest="backends",
            help="An alias in TASKS; may be repeated. Default: every alias that needs a worker.",
        )
        parser.add_argument("--queues", type=names, metavar="a,b", help="Only these queues.")
        parser.add_argument(
            "--exclude-queues", type=names, metavar="c", help="All queues but these."
        )
        parser.add_argument(
            "--tenants",
            type=tenants,
            metavar="a,b",
            help="Only these tenants, - for jobs without one; @FILE reads one from each line.",
        )
        parser.add_argument(
            "--steal",
            type=stolen_tenants,
            metavar="c,d",
            help="Tenants to serve while one's own have nothing to start; * for all others.",
        )
        parser.add_argument(
            "--processes",
            type=whole_number(1),
            default=1,
            metavar="N",
            help="Processes that run jobs, each with threads of its own (1).",
        )
        parser.add_argument("--threads", type=whole_number(1), help="Threads for sync tasks (10).")
        parser.add_argument(
            "--async-concurrency",
            type=whole_number(1),
            metavar="N",
            help="Async tasks that run at a time (100).",
        )
        parser.add_argument(
            "--burst", action="store_true", help="End when nothing is ready or running here."
        )
        parser.add_argument(
            "--max-jobs",
            type=whole_number(1),
            metavar="N",
            help="Replace a process after N jobs.",
        )
        parser.add_argument(
            "--max-memory",
            type=whole_number(1),
            metavar="MB",
            help="Replace a process that holds more than so many megabytes.",
        )
        parser.add_argument(
            "--grace",
            type=_seconds(0),
            default=25.0,
            metavar="S",
            help="Seconds that running jobs get to finish on a stop (25).",
        )
        parser.add_argument(
            "--poll-interval",
            type=_seconds(0.01),
            metavar="S",
            help="Seconds between looks when nothing wakes the worker.",
        )
        parser.add_argument("--name", type=_name, default="", help="The worker's name (host:pid).")
        scheduler = parser.add_mutually_exclusive_group()
        scheduler.add_argument(
            "--no-scheduler", action="store_true", help="Leave schedules to other workers."
        )
        scheduler.add_argument(
            "--scheduler-only", action="store_true", help="Fire schedules and take no jobs."
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            default=None,
            dest="reload",
            help="Restart on code changes. Default: when DEBUG is on.",
        )
        parser.add_argument("--no-reload", action="store_false", dest="reload")
        parser.add_argument(
            "--start-method",
            choices=multiprocessing.get_all_start_methods(),
            help="How processes are started. Default: fork where there is one, but for --reload.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until the work is done or a signal ends it."""
        show_logs(options["verbosity"])
        plans = plans_of(options)
        # Before the autoreloader, which after an error would wait for the code to change.
        _refuse_obstacles(plans, options)
        wants_reload = settings.DEBUG if options["reload"] is None else options["reload"]
        self._run(plans, options, wants_reload=wants_reload and not options["burst"])

    def _run(self, plans: tuple[Plan, ...], options: dict[str, Any], *, wants_reload: bool) -> None:
        max_memory = options["max_memory"] and options["max_memory"] * 1_000_000
        orders = Orders(plans, max_memory, options["verbosity"])
        backends: Any = task_backends
        leases = {plan.alias: backends[plan.alias].settings.lease for plan in plans}
        # Beside the reloader's own thread a fork could copy a lock that it holds.
        method = options["start_method"] or ("spawn" if wants_reload else _start_method())
        supervisor = Supervisor(orders, leases, options["processes"], method)
        if wants_reload:
            run_with_reloader(supervisor)
        else:
            supervisor.run()
        if options["verbosity"]:
            self.stderr.write(
                f"Done: {counted(supervisor.done, 'attempt')}, "
                f"{counted(supervisor.released, 'job')} given back."
            )
