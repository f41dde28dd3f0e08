"""Schedules that tests keep in code."""

from datetime import timedelta

from django_taskq.schedules import cron, every
from tests.app import tasks

nightly = cron(
    "0 2 * * *",
    tasks.echo.s(7, deep=True).using(tenant="acme", max_tries=3),
    name="nightly",
    timezone="Europe/Paris",
)
heartbeat = every("30s", tasks.nothing, name="heartbeat", overlap="allow", catchup="all:5")
generated = [
    every(timedelta(minutes=n), tasks.echo.s(n), name=f"generated-{n}") for n in range(1, 3)
]
