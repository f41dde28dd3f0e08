"""System checks of the setting TASKQ; those of TASKS are the backends' own."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from django_taskq.options import Problem
from django_taskq.project import find_pool_problems, find_problems


@register
def check_project(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the keys of TASKQ."""
    return [_error("E008", problem) for problem in find_problems()]


@register
def check_pools(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the named pools."""
    return [_error("E009", problem) for problem in find_pool_problems()]


def _error(number: str, problem: Problem) -> Error:
    return Error(problem.message, hint=problem.hint, id=f"django_taskq.{number}")
