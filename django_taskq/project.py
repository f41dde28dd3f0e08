"""The setting TASKQ: what a project says that is not one backend's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings

from django_taskq import monitoring, named_pools, pool_problems
from django_taskq.exceptions import InvalidOptions
from django_taskq.jobs import masks
from django_taskq.jobs.masks import Masks
from django_taskq.monitoring import Monitoring
from django_taskq.named_pools import NamedPool
from django_taskq.options import Problem

WORKERS = "WORKERS"
MIDDLEWARE = "MIDDLEWARE"
SCHEDULES = "SCHEDULES"
MONITORING = "MONITORING"
MASKED_ARGUMENTS = "MASKED_ARGUMENTS"
KEYS = (MASKED_ARGUMENTS, MIDDLEWARE, MONITORING, SCHEDULES, WORKERS)


def find_problems() -> Iterator[Problem]:
    """Return what is wrong with TASKQ itself, but for what its pools say."""
    given = _given()
    if not isinstance(given, Mapping):
        yield Problem(
            "TASKQ",
            f"TASKQ: expected a dict, got {given!r}.",
            f'Write {{"{WORKERS}": {{}}}}, or leave it out.',
        )
        return
    for key in given:
        if key not in KEYS:
            yield Problem(
                str(key),
                f"TASKQ[{key!r}] is not a key of TASKQ.",
                f"Remove it, or use one of {', '.join(KEYS)}.",
            )
    listed = given.get(MIDDLEWARE, ())
    if not isinstance(listed, list | tuple):
        yield Problem(
            MIDDLEWARE,
            f"TASKQ[{MIDDLEWARE!r}]: expected a list of dotted paths, classes or instances, got "
            f"{listed!r}.",
            f"Correct {MIDDLEWARE}, or leave it out.",
        )
    paths = given.get(SCHEDULES, ())
    if not (isinstance(paths, list | tuple) and all(isinstance(path, str) for path in paths)):
        yield Problem(
            SCHEDULES,
            f"TASKQ[{SCHEDULES!r}]: expected a list of dotted paths, got {paths!r}.",
            "Name the modules in which the schedules are, or leave it out.",
        )
    wrong = masks.check_masks(given.get(MASKED_ARGUMENTS, ()))
    if wrong is not None:
        yield Problem(
            MASKED_ARGUMENTS,
            f"TASKQ[{MASKED_ARGUMENTS!r}]: {wrong}.",
            'Write patterns such as "*token*", an empty list to mask nothing, or leave it out.',
        )


def find_pool_problems() -> Iterator[Problem]:
    """Return what is wrong with the named pools; each message says of which."""
    given = _given()
    pools = given.get(WORKERS, {}) if isinstance(given, Mapping) else {}
    for problem in pool_problems.find_problems(pools):
        place = f"TASKQ[{WORKERS!r}]" + (f"[{problem.key!r}]" if problem.key else "")
        yield Problem(problem.key, f"{place}: {problem.message}", problem.hint)


def read_pools() -> dict[str, NamedPool]:
    """Return the named pools. Raise InvalidOptions that tells everything that is wrong."""
    problems = [*find_problems(), *find_pool_problems()]
    if problems:
        raise InvalidOptions(" ".join(f"{problem.message} {problem.hint}" for problem in problems))
    return named_pools.read_pools(_given().get(WORKERS, {}))


def find_monitoring_problems() -> Iterator[Problem]:
    """Return what is wrong with who may look at metrics and health."""
    given = _given()
    if isinstance(given, Mapping) and MONITORING in given:
        for problem in monitoring.find_problems(given[MONITORING]):
            yield Problem(problem.key, f"TASKQ[{MONITORING!r}]: {problem.message}", problem.hint)


def read_monitoring() -> Monitoring:
    """Return who may look at metrics and health. Raise InvalidOptions where that is not clear."""
    problems = list(find_monitoring_problems())
    if problems:
        raise InvalidOptions(" ".join(f"{problem.message} {problem.hint}" for problem in problems))
    given = _given()
    return monitoring.read_monitoring(
        given.get(MONITORING, {}) if isinstance(given, Mapping) else {}
    )


def read_masks() -> Masks:
    """Return which values the admin masks. What cannot be read masks as if nothing were said."""
    given = _given()
    patterns = given.get(MASKED_ARGUMENTS) if isinstance(given, Mapping) else None
    if patterns is None or masks.check_masks(patterns) is not None:
        return Masks()
    return Masks(tuple(patterns))


def read_global_middleware() -> Sequence[Any]:
    """Return the middlewares for all backends. Raise InvalidOptions where no list is given."""
    given = _given()
    listed = given.get(MIDDLEWARE, ()) if isinstance(given, Mapping) else given
    if not isinstance(listed, list | tuple) or listed is given:
        raise InvalidOptions(" ".join(problem.message for problem in find_problems()))
    return listed


def read_schedule_paths() -> Sequence[str]:
    """Return the dotted paths that lead to schedules in code; none where no list is given.

    The system checks tell of that.
    """
    given = _given()
    paths = given.get(SCHEDULES, ()) if isinstance(given, Mapping) else ()
    is_list = isinstance(paths, list | tuple)
    return [path for path in paths if isinstance(path, str)] if is_list else []


def _given() -> Any:
    return getattr(settings, "TASKQ", {})
