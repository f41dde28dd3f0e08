"""Settings of the processes that a lifecycle test starts; the test hands down what varies."""

import json
import os

from tests.servers import mysql
from tests.settings_static import *  # noqa: F403  the part that needs no server
from tests.settings_static import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.lifecycle.apps.LifecycleConfig"]

_given = json.loads(os.environ["TASKQ_LIFECYCLE"])

# The jobs live on an alias of their own: nothing may fall back to the default one.
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "stage": _given["database"],
}
TASKS = _given["tasks"]
CACHES = _given["caches"] or {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
TASKQ = {"WORKERS": _given["pools"]}

if DATABASES["stage"]["ENGINE"].endswith("mysql"):
    mysql.install_driver()
