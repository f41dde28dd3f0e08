"""From the command line of `runworker` and the pools that it names to the plans of workers."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError
from django.tasks import task_backends

from django_taskq.exceptions import InvalidOptions
from django_taskq.management.arguments import WRONG
from django_taskq.named_pools import NamedPool, share_out
from django_taskq.pool_problems import check_alias
from django_taskq.project import read_pools
from django_taskq.worker.process import Plan
from django_taskq.worker.settings import WorkerSettings

logger = logging.getLogger("django_taskq.worker")

# The column of a worker's id has room for its name, a pool, and what tells its lives apart.
LONGEST_ID = 128
LIFE = len("/:12345678")
THREADS = 10
ASYNC_CONCURRENCY = 100

# What a pool says by itself, and by which key.
_OF_POOLS = {
    "backends": ("--backend", "backend"),
    "queues": ("--queues", "queues"),
    "exclude_queues": ("--exclude-queues", "exclude_queues"),
    "tenants": ("--tenants", "tenants"),
    "steal": ("--steal", "steal"),
    "threads": ("--threads", "threads"),
    "async_concurrency": ("--async-concurrency", "async_concurrency"),
    "poll_interval": ("--poll-interval", "poll_interval"),
}


def plans_of(options: Mapping[str, Any]) -> tuple[Plan, ...]:
    """Return the plans of all workers that were asked for. Raise CommandError."""
    if not options["pools"]:
        _refuse_burst_of_scheduler(options)
        return tuple(_plans("", _pool_of(options), options))
    _refuse_contradictions(options)
    known = _known_pools()
    wanted = list(dict.fromkeys(options["pools"]))
    for name in wanted:
        _refuse_unknown(name, known)
        _refuse_long(name, options["name"])
    plans = (plan for name in wanted for plan in _plans(name, known[name], options))
    return tuple(_with_one_scheduler(plans))


def _pool_of(options: Mapping[str, Any]) -> NamedPool:
    """Return what the command line says in the place of a pool."""
    for alias in options["backends"] or ():
        wrong = check_alias(alias)
        if wrong is not None:
            raise CommandError(f"--backend: {wrong}.", returncode=WRONG)
    tenants, steal = options["tenants"], options["steal"]
    if steal is not None and tenants is None:
        raise CommandError(
            "--steal: a worker steals when its own tenants have nothing. Name these with "
            "--tenants, or leave --steal out: without tenants of its own it serves all.",
            returncode=WRONG,
        )
    return NamedPool(
        backends=options["backends"],
        queues=options["queues"],
        excluded_queues=frozenset(options["exclude_queues"] or ()),
        tenants=tenants,
        steal=share_out(tenants, steal),
        threads=options["threads"],
        async_concurrency=options["async_concurrency"],
        poll_interval=options["poll_interval"],
    )


def _refuse_burst_of_scheduler(options: Mapping[str, Any]) -> None:
    if options["scheduler_only"] and options["burst"]:
        raise CommandError(
            "--scheduler-only: it takes no jobs, so that with --burst it would end at once. Leave "
            "one of the two out.",
            returncode=WRONG,
        )


def _with_one_scheduler(plans: Iterable[Plan]) -> Iterator[Plan]:
    """Leave the schedules of each alias to the first of the workers in one process."""
    has_one: set[str] = set()
    for plan in plans:
        if plan.alias in has_one:
            plan = plan._replace(settings=replace(plan.settings, is_scheduler=False))
        elif plan.settings.is_scheduler:
            has_one.add(plan.alias)
        yield plan


def _refuse_contradictions(options: Mapping[str, Any]) -> None:
    if options["scheduler_only"]:
        raise CommandError(
            "--scheduler-only: pools are there to take jobs. Start it without names of pools, in a "
            "process of its own.",
            returncode=WRONG,
        )
    for name, (option, key) in _OF_POOLS.items():
        if options[name] is not None:
            raise CommandError(
                f"{option}: a pool says that by itself. Set {key!r} of the pool in "
                "TASKQ['WORKERS'], or name no pools.",
                returncode=WRONG,
            )


def _known_pools() -> dict[str, NamedPool]:
    try:
        return read_pools()
    except InvalidOptions as error:
        raise CommandError(str(error), returncode=WRONG) from error


def _refuse_unknown(name: str, known: Mapping[str, NamedPool]) -> None:
    if name not in known:
        has = f"It has {', '.join(known)}." if known else "It has none."
        raise CommandError(f"TASKQ['WORKERS'] has no pool {name!r}. {has}", returncode=WRONG)


def _refuse_long(pool: str, name: str) -> None:
    most = LONGEST_ID - LIFE - len(pool)
    if len(name) > most:
        raise CommandError(
            f"--name: expected at most {most} characters beside the pool {pool!r}, got "
            f"{len(name)}.",
            returncode=WRONG,
        )


def _plans(name: str, pool: NamedPool, options: Mapping[str, Any]) -> Iterator[Plan]:
    """Return a plan for each alias that a pool works; the command line has no name."""
    place = f"TASKQ['WORKERS'][{name!r}]: " if name else "--queues: "
    for alias in dict.fromkeys(pool.backends or _aliases_with_work()):
        _tell_of_odd_queues(alias, pool.queues or (), place)
        yield Plan(alias, _settings_of(alias, name, pool, options))


def _aliases_with_work() -> list[str]:
    aliases = [
        alias for alias in task_backends if getattr(task_backends[alias], "needs_worker", False)
    ]
    if not aliases:
        raise CommandError(
            "No alias in TASKS needs a worker. Expected one whose BACKEND is "
            "django_taskq.backends.DatabaseBackend.",
            returncode=WRONG,
        )
    return aliases


def _tell_of_odd_queues(alias: str, queues: Sequence[str], place: str) -> None:
    backend: Any = task_backends[alias]
    for queue in queues:
        if backend.queues and queue not in backend.queues:
            logger.warning(
                "%sQUEUES of TASKS[%r] has no %r, so that no job is enqueued there.",
                place, alias, queue,
            )  # fmt: skip


def _settings_of(
    alias: str, name: str, pool: NamedPool, options: Mapping[str, Any]
) -> WorkerSettings:
    backend: Any = task_backends[alias]
    poll_interval = pool.poll_interval
    return WorkerSettings(
        name=options["name"],
        pool=name,
        supervisor_pid=os.getpid(),
        queues=pool.queues,
        excluded_queues=pool.excluded_queues,
        tenants=pool.tenants,
        steal=pool.steal,
        threads=pool.threads or THREADS,
        async_concurrency=pool.async_concurrency or ASYNC_CONCURRENCY,
        is_burst=options["burst"],
        max_jobs=options["max_jobs"],
        is_scheduler=pool.is_scheduler and not options["no_scheduler"],
        is_idle=options["scheduler_only"],
        grace=options["grace"],
        poll_interval=backend.settings.poll_interval if poll_interval is None else poll_interval,
    )
