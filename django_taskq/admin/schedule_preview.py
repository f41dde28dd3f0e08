"""The next runs of what a form says before it is saved."""

from typing import Any

from django.http import HttpRequest

from django_taskq.admin.schedule_cells import moments_block
from django_taskq.admin.schedule_form import PREVIEW


def is_preview(request: HttpRequest) -> bool:
    """Tell whether the reader only wants to see the next runs."""
    return request.method == "POST" and PREVIEW in request.POST


def show_preview(context: dict[str, Any]) -> None:
    """Put the runs on the page of a form, in the place of the error that kept it from saving."""
    form = getattr(context.get("adminform"), "form", None)
    if form is None or form.preview is None:
        return
    form.errors.clear()
    context["errors"] = None
    context["preview"] = moments_block(form.preview)
    context["has_no_run"] = not form.preview
