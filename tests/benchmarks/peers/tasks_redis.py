"""django-tasks-redis: streams with a consumer group, one job at a time, results in Redis."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django_tasks_redis.utils import get_status_index_key
from redis import Redis

from tests.benchmarks.peers.django_peer import DjangoPeer


class TasksRedisPeer(DjangoPeer):
    has_threads = False
    settings = {
        "INSTALLED_APPS": ["django_tasks_redis"],
        "TASKS": {"default": {"BACKEND": "django_tasks_redis.RedisTaskBackend"}},
    }

    def open(self) -> None:
        url = f"redis://{self.place.host}:{self.place.port}/0"
        self.settings["TASKS"]["default"]["OPTIONS"] = {"REDIS_URL": url}
        self.client: Any = Redis(host=self.place.host, port=self.place.port)
        super().open()

    def finished(self, total: int) -> int:
        return int(self.client.zcard(get_status_index_key("django_tasks", "default", "SUCCESSFUL")))

    def work(self) -> None:
        call_command("run_redis_tasks", continuous=True, verbosity=0)


PEER = TasksRedisPeer
