"""Pausing and resuming one tenant or queue by its name, from a button."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_taskq import rulings
from django_taskq.admin import places
from django_taskq.admin.confirming import confirm, is_confirmed
from django_taskq.admin.entries import log_changes
from django_taskq.admin.rule_words import BUTTONS, NOTES, PAUSE, RESUME


def switch_address(model_admin: Any, name: str, database: str, *, is_paused: bool) -> SafeString:
    """Return the link to the page that asks before it pauses or resumes."""
    verb = RESUME if is_paused else PAUSE
    chosen = urlencode({"name": name, "to": verb, places.DATABASE_PARAMETER: database})
    address = f"{_reversed(model_admin, 'switch')}?{chosen}"
    return format_html('<a class="button" href="{}">{}</a>', address, BUTTONS[verb])


def switch_by_name(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask, then pause or resume; a row is made where there is none to be paused."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    name, verb = request.GET.get("name", ""), request.GET.get("to", "")
    database = places.database_of_rule(request)
    back = f"{_reversed(model_admin, 'changelist')}?{places.DATABASE_PARAMETER}={database}"
    if verb not in (PAUSE, RESUME):
        told = _("Expected to be told %(pause)s or %(resume)s, got %(verb)r.")
        messages.error(request, told % {"pause": PAUSE, "resume": RESUME, "verb": verb})
        return HttpResponseRedirect(back)
    kind = model_admin.model
    rows = kind._default_manager.using(database).filter(name=name)
    if verb == PAUSE and not rows.exists() and not model_admin.has_add_permission(request):
        raise PermissionDenied
    if not is_confirmed(request):
        told = model_admin.words.told(1, is_paused=verb == PAUSE)
        shown = [str(kind(name=name))]
        return confirm(model_admin, request, BUTTONS[verb], told, shown, (), back)
    try:
        change = rulings.pause if verb == PAUSE else rulings.resume
        has_changed = change(kind, name, database)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(back)
    if has_changed:
        log_changes(request, ((row, NOTES[verb]) for row in rows))
        messages.success(request, model_admin.words.done(1, is_paused=verb == PAUSE))
    else:
        told = _("Left as before: paused already.")
        if verb == RESUME:
            told = _("Left as before: not paused already.")
        messages.warning(request, told)
    return HttpResponseRedirect(back)


def _reversed(model_admin: Any, page: str) -> str:
    opts = model_admin.opts
    return reverse(
        f"admin:{opts.app_label}_{opts.model_name}_{page}",
        current_app=model_admin.admin_site.name,
    )
