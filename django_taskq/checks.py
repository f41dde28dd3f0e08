"""System checks of the setting TASKQ; those of TASKS are the backends' own."""

from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTaskBackend

from django_taskq.exceptions import InvalidOptions
from django_taskq.middleware.registry import find_problems as find_middleware_problems
from django_taskq.options import Problem
from django_taskq.project import (
    find_monitoring_problems,
    find_pool_problems,
    find_problems,
    read_schedule_paths,
)
from django_taskq.tasks import Task

if TYPE_CHECKING:
    from django_taskq.scheduling.definition import Fault


@register
def check_project(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the keys of TASKQ."""
    return [_error("E008", problem) for problem in find_problems()]


@register
def check_pools(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the named pools."""
    return [_error("E009", problem) for problem in find_pool_problems()]


@register
def check_monitoring(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with who may look at metrics and health."""
    return [_error("E030", problem) for problem in find_monitoring_problems()]


@register
def check_middleware(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the middlewares for all backends."""
    try:
        aliases = [each.alias for each in task_backends.all() if issubclass(each.task_class, Task)]
    except InvalidTaskBackend:  # told by Django, or by the check of the pool that names the alias
        return []
    if not aliases or list(find_problems()):
        return []
    hint = "Correct the entry: a middleware is made by a call without arguments."
    try:
        problems = find_middleware_problems(aliases[0], is_global=True)
    except InvalidOptions:  # the list of that alias, told by the checks of TASKS
        return []
    return [Error(problem, hint=hint, id="django_taskq.E010") for problem in problems]


@register
def check_schedules(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the schedules kept in code."""
    if not read_schedule_paths():
        return []
    # Imported late: this reads the models, and what projects import beside their tasks.
    from django_taskq.scheduling.in_code import find_problems as find_schedule_problems

    return [_problem_of_schedule(fault) for fault in find_schedule_problems()]


def _problem_of_schedule(fault: "Fault") -> CheckMessage:
    if fault.field == "backend":
        # Settings for tests often have another backend, which is no reason to stop there.
        hint = "Nothing fires it with these settings. Ignore this where nothing should."
        return Warning(fault.told, hint=hint, id="django_taskq.W002")
    hint = "Correct the schedule, or take it out of TASKQ['SCHEDULES']."
    return Error(fault.told, hint=hint, id="django_taskq.E012")


def _error(number: str, problem: Problem) -> Error:
    return Error(problem.message, hint=problem.hint, id=f"django_taskq.{number}")
