"""Settings of the tests; reading them starts the servers of the run, once for all processes."""

import os

from tests import servers
from tests.redis_alias import ENTRIES, REDIS_VARIABLE
from tests.servers import mysql, postgresql
from tests.servers.process import run_directory
from tests.settings_static import *  # noqa: F403  the part that needs no server
from tests.settings_static import TASKS

servers.ensure()

# A file, not memory: threads and processes of a test share it.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": run_directory() / "default.sqlite3",
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
        "TEST": {"NAME": str(run_directory() / "test.sqlite3")},
    },
    "postgresql": postgresql.database(servers.url_of("postgresql")),
}
TASKS = {
    **TASKS,
    "postgresql": {
        "BACKEND": "django_taskq.backends.DatabaseBackend",
        "QUEUES": [],
        "OPTIONS": {"DATABASE": "postgresql"},
    },
}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "jobs": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": servers.url_of("valkey"),
    },
}
if REDIS_VARIABLE in os.environ:
    TASKS |= ENTRIES

if mysql.is_wanted():
    mysql.install_driver()
    DATABASES["mysql"] = mysql.database(servers.url_of("mysql"))
    TASKS["mysql"] = {
        "BACKEND": "django_taskq.backends.DatabaseBackend",
        "QUEUES": [],
        "OPTIONS": {"DATABASE": "mysql"},
    }

for alias, name in servers.database_names().items():
    DATABASES[alias]["NAME"] = name
