"""The page that asks once more before something is done, and says to how many."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse

from django_taskq.admin import cells
from django_taskq.admin.actions import Words

CONFIRMED = "confirmed"
MOST_NAMES = 20


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether the reader has said so twice."""
    return request.method == "POST" and bool(request.POST.get(CONFIRMED))


def confirm_action(
    model_admin: Any,
    request: HttpRequest,
    action: str,
    button: Words,
    told: Words,
    names: Sequence[str],
) -> TemplateResponse:
    """Ask whether an action of a list is meant; the answer sends the same selection again."""
    hidden = [(ACTION_CHECKBOX_NAME, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    hidden += [
        ("action", action),
        ("select_across", request.POST.get("select_across", "0")),
        ("index", "0"),
    ]
    return confirm(model_admin, request, button, told, names, hidden, request.get_full_path())


def confirm(
    model_admin: Any,
    request: HttpRequest,
    button: Words,
    told: Words,
    names: Sequence[str],
    hidden: Iterable[tuple[str, str]],
    back: str,
) -> TemplateResponse:
    """Ask whether something is meant. `told` says what will happen, `names` to what."""
    site: admin.AdminSite = model_admin.admin_site
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "title": button,
        "opts": model_admin.opts,
        "told": told,
        "names": [cells.line(name) for name in names[:MOST_NAMES]],
        "more": max(0, len(names) - MOST_NAMES),
        "hidden": [*hidden, (CONFIRMED, "yes")],
        "back": back,
        "button": button,
    }
    return TemplateResponse(request, "admin/django_taskq/confirm.html", context)
