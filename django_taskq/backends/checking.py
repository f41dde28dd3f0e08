"""System checks of one alias: ids, messages, hints."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.connection import ConnectionDoesNotExist
from django.utils.module_loading import import_string

from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware.registry import find_problems as find_middleware_problems
from django_taskq.middleware.registry import stacks_of
from django_taskq.options import Options, find_problems, read_options
from django_taskq.tenancy import check_name

if TYPE_CHECKING:
    from django_taskq.backends.base import TaskqBackend

# What an entry of TASKS has.
KEYS = ("BACKEND", "QUEUES", "OPTIONS")
LONGEST_ALIAS = 64
LONGEST_QUEUE = 128


def check_backend(backend: "TaskqBackend") -> Iterator[CheckMessage]:
    """Return what is wrong with the TASKS entry of a backend."""
    yield from _check_names(backend)
    problems = find_problems(backend.options, backend.readers)
    for problem in problems:
        yield _error("E001", backend.alias, problem.message, problem.hint)
    if problems:
        return
    options = read_options(backend.alias, backend.options, backend.readers)
    yield from _check_tenant(backend.alias, options)
    yield from _check_aliases(backend.alias, options)
    yield from _check_middleware(backend)
    obstacle = backend.find_obstacle(options)
    if obstacle is not None:
        yield _error("E007", backend.alias, obstacle.message, obstacle.hint)
    if backend.needs_worker:
        yield from _check_app(backend.alias)
        yield from _check_sqlite(backend.alias, options)


def _check_names(backend: "TaskqBackend") -> Iterator[CheckMessage]:
    if check_name(backend.alias, LONGEST_ALIAS):
        yield _error(
            "E002", backend.alias,
            f"Expected an alias of at most {LONGEST_ALIAS} printable characters.",
            "Give the entry a shorter name.",
        )  # fmt: skip
    for key in backend.given_keys:
        if key not in KEYS:
            yield _unknown_key(backend, key)
    if not isinstance(backend.given_queues, Iterable):
        yield _error(
            "E003", backend.alias,
            f"Expected QUEUES to be a list of names, got {backend.given_queues!r}.",
            "Write [] for any queue, or leave it out for 'default' alone.",
        )  # fmt: skip
        return
    if isinstance(backend.given_queues, str):
        yield _error(
            "E003", backend.alias,
            f"Expected QUEUES to be a list of names, got {backend.given_queues!r}.",
            f"Write [{backend.given_queues!r}].",
        )  # fmt: skip
        return
    for queue in backend.queues:
        wrong = check_name(queue, LONGEST_QUEUE) if queue else "expected a name, got ''"
        if wrong:
            yield _error("E003", backend.alias, f"QUEUES: {wrong}.", "Correct the queue's name.")


def _unknown_key(backend: "TaskqBackend", key: Any) -> CheckMessage:
    """Return a warning alone: another package may read what neither Django nor we do."""
    hint = f"Remove it, or use one of {', '.join(KEYS)}."
    if str(key).upper() in backend.readers:
        hint = f"Put it into OPTIONS, as {str(key).upper()}."
    return Warning(
        f"TASKS[{backend.alias!r}]: {key!r} is not a key of an entry, and nothing reads it.",
        hint=hint,
        id="django_taskq.W003",
    )


def _check_tenant(alias: str, options: Options) -> Iterator[CheckMessage]:
    if options.tenant is None:
        return
    try:
        found: Any = import_string(options.tenant)
    except ImportError as error:
        found = error
    if not callable(found):
        yield _error(
            "E004", alias,
            f"Expected OPTIONS['TENANT'] to be the path of a callable, got {options.tenant!r}: "
            f"{found}.",
            "Name a function without arguments that returns the tenant as text.",
        )  # fmt: skip


def _check_middleware(backend: "TaskqBackend") -> Iterator[CheckMessage]:
    try:
        problems = find_middleware_problems(backend.alias)
    except InvalidOptions:  # TASKQ's own list, of which a check of its own tells
        return
    hint = "Correct the entry: a middleware is made by a call without arguments."
    yield from (Error(problem, hint=hint, id="django_taskq.E010") for problem in problems)
    try:
        options = {name for entry in stacks_of(backend.alias).shared for name in entry.options}
    except InvalidOptions:
        return
    for key in ("MAX_TRIES", "BACKOFF"):
        if backend.options.get(key) is not None and key.lower() not in options:
            yield _error(
                "E011", backend.alias,
                f"OPTIONS[{key!r}] is given, and none of OPTIONS['MIDDLEWARE'] acts on it.",
                f"Add 'django_taskq.middleware.MaxTries' there, or leave {key} out.",
            )  # fmt: skip


def _check_aliases(alias: str, options: Options) -> Iterator[CheckMessage]:
    on_commit = options.enqueue_on_commit
    named = {
        "DATABASE": options.database,
        "ENQUEUE_ON_COMMIT": "default" if on_commit is True else on_commit or None,
    }
    for key, database in named.items():
        if database is not None and database not in connections:
            yield _error(
                "E005", alias,
                f"OPTIONS[{key!r}] names the database {database!r}, which DATABASES has not.",
                f"Use one of {', '.join(connections)}.",
            )  # fmt: skip


def _check_app(alias: str) -> Iterator[CheckMessage]:
    from django.apps import apps

    if not apps.is_installed("django_taskq"):
        yield _error(
            "E006", alias,
            "Jobs in a database need the models of django_taskq.",
            "Add 'django_taskq' to INSTALLED_APPS and run manage.py migrate.",
        )  # fmt: skip


def _check_sqlite(alias: str, options: Options) -> Iterator[CheckMessage]:
    from django.apps import apps
    from django.db import router

    if not apps.is_installed("django_taskq"):
        return
    database = options.database or router.db_for_write(apps.get_model("django_taskq", "Job"))
    try:
        entry: dict[str, Any] = connections[database].settings_dict
    except (ConnectionDoesNotExist, ImproperlyConfigured):
        return
    if not str(entry.get("ENGINE", "")).endswith("sqlite3"):
        return
    mode = entry.get("OPTIONS", {}).get("transaction_mode")
    if str(mode).upper() != "IMMEDIATE":
        yield Warning(
            f"TASKS[{alias!r}]: the jobs live in the SQLite database {database!r}, whose "
            "transactions start without the write lock. Under load they fail with "
            "'database is locked'.",
            hint="Set OPTIONS = {'transaction_mode': 'IMMEDIATE', 'timeout': 30, 'init_command': "
            "'PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL'} for it.",
            id="django_taskq.W001",
        )


def _error(number: str, alias: str, message: str, hint: str) -> Error:
    return Error(f"TASKS[{alias!r}]: {message}", hint=hint, id=f"django_taskq.{number}")
