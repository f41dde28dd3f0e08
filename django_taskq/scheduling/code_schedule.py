"""A schedule that the project's code keeps: a call, and when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.tasks.exceptions import InvalidTask

from django_taskq.exceptions import InvalidSchedule
from django_taskq.jobs import payload
from django_taskq.loading import options_of, path_of
from django_taskq.scheduling.definition import Definition
from django_taskq.scheduling.interval import parse_every
from django_taskq.tasks import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSchedule:
    """What `cron`, `every` and `at` of `django_taskq.schedules` return.

    Made while modules are imported, so nothing of it is looked at before `definition`.
    """

    name: str
    call: Signature
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def definition(self) -> Definition:
        """Return it as it would be given by hand. Raise InvalidSchedule for a task that is none."""
        task = self.call.task
        try:
            path, registered = path_of(task)
            options = payload.decode(options_of(task, registered) or "{}")
        except InvalidTask as error:
            raise InvalidSchedule(f"task: {error}") from error
        _check_own(self.call)
        tenant = options.pop("tenant", None)
        settings = dict(self.settings)
        for key in settings.keys() & {"every", "jitter"}:
            if isinstance(settings[key], timedelta):
                settings[key] = settings[key].total_seconds()
        if settings.get("every") is not None:
            settings["every"] = parse_every(settings["every"])
        return Definition(
            name=self.name,
            task=path,
            backend=task.backend,
            queue=None if task.queue_name == registered.queue_name else task.queue_name,
            priority=None if task.priority == registered.priority else int(task.priority),
            tenant=tenant,
            args=list(self.call.args),
            kwargs=dict(self.call.kwargs),
            options=options,
            **settings,
        )


def _check_own(call: Signature) -> None:
    """Refuse options of a call that say when it runs, or under which id."""
    for name in ("run_after", "task_id", "on_duplicate"):
        value = getattr(call.task, name)
        if value is not None:
            raise InvalidSchedule(
                f"{name}: expected a call without it, got {value!r}. The schedule says when the "
                "call is made, and each tick has a job of its own."
            )
