"""What a job was given and what came of it, as the reader of its page may see it: masked."""

import inspect
from collections.abc import Callable
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_taskq.admin import cells
from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs import payload
from django_taskq.loading import load_task
from django_taskq.models import Job
from django_taskq.project import read_masks

UNNAMED = gettext_lazy(
    "Hidden: the task cannot be imported here, so that it is not known which of these arguments "
    "TASKQ['MASKED_ARGUMENTS'] masks."
)


def block(
    text: str | None, show: Callable[[Any], Any] = lambda value: value, longest: int | None = None
) -> SafeString | str:
    """Return stored JSON with what is masked in it; what cannot be read, as it is stored."""
    masks = read_masks()
    shown = rewritten(text, lambda value: masks.of(show(value)))
    return cells.block(shown) if longest is None else cells.block(shown, longest)


def args_block(job: Job) -> SafeString | str:
    """Return the positional arguments, masked by the names of the task's parameters."""
    masks = read_masks()
    if not masks.patterns or job.args == "[]":
        return cells.block(job.args)
    names = _parameters(job.task)
    if names is None:
        return str(UNNAMED)
    return cells.block(rewritten(job.args, lambda values: masks.of_args(values, names)))


def value_block(name: str, text: str, longest: int) -> SafeString | str:
    """Return a stored value that has a name of its own."""
    masks = read_masks()
    told = rewritten(text, lambda value: masks.of({name: value})[name])
    return cells.block(told, longest)


def rewritten(text: str | None, show: Callable[[Any], Any]) -> str | None:
    """Return stored JSON as a reader may see it; what cannot be read, as it is stored."""
    if text is None:
        return None
    try:
        return payload.encode(show(payload.decode(text)), "what is stored")
    except (TypeError, ValueError):
        return text


def words_of_progress(text: str | None) -> str | None:
    """Return a stored progress in words; None where there is none or it cannot be read."""
    try:
        done, total, message = payload.decode(text or "null")
    except (TypeError, ValueError):
        return None
    numbers = (
        f"{done}" if total is None else _("%(done)s of %(total)s") % {"done": done, "total": total}
    )
    return f"{numbers}: {message}" if message else numbers


def listed(text: str | None) -> list[str] | None:
    """Return the ids in a stored list; None where it cannot be read."""
    try:
        value = payload.decode(text or "[]")
    except ValueError:
        return None
    return [str(id) for id in value] if isinstance(value, list) else None


def _parameters(path: str) -> list[str] | None:
    """Return the names of a task's positional parameters, None where it cannot be imported."""
    try:
        task = load_task(path)
    except JobUnloadable:
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD,
             inspect.Parameter.VAR_POSITIONAL)  # fmt: skip
    found = inspect.signature(task.func).parameters.values()
    names = [parameter.name for parameter in found if parameter.kind in kinds]
    return names[1:] if task.takes_context else names
