"""Asking the stores of a page: rows at once, others only for as long as a page may wait."""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from django_taskq.control import store_of
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Seconds for which a page waits for all stores together that are no rows.
LONGEST = 1.0


def asked[T](
    aliases: Iterable[str], question: Callable[[Store], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """Return what the stores of these aliases answer, and in a sentence why others do not.

    A store of rows is asked in the request's own thread: what keeps it from answering keeps the
    page from it too. So the answers are part of the request's transaction, if it is in one.
    """
    answers: dict[str, T] = {}
    apart: list[str] = []
    for alias in aliases:
        if store_of(alias).has_rows:
            answers[alias] = question(store_of(alias))
        else:
            apart.append(alias)
    silent: dict[str, str] = {}
    for alias, answer in ask(apart, question, LONGEST).items():
        if isinstance(answer, NoAnswer):
            silent[alias] = _("%(alias)s: %(why)s Its numbers are missing here.") % {
                "alias": alias, "why": answer.told(),
            }  # fmt: skip
        else:
            answers[alias] = answer
    return answers, silent
