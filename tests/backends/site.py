"""A site whose view runs a job on the process pool; it is served by real servers in tests."""

import os
import sys

import django
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from django_taskq import wait
from tests.app import process_tasks


def run_job(request: HttpRequest) -> JsonResponse:
    """Answer with the ids of this process, of the child that ran the job, and of its parent."""
    result = wait(process_tasks.where.using(backend="processes").enqueue(), timeout=20)
    return JsonResponse({"ours": os.getpid(), "child": result.return_value})


urlpatterns = [path("", run_job)]


def make_application() -> object:
    """Return the WSGI application, after a job has run in this process already."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings_static"
    django.setup()
    from django.conf import settings

    settings.ROOT_URLCONF = "tests.backends.site"
    sys.stdout.write(run_job(HttpRequest()).content.decode() + "\n")
    sys.stdout.flush()
    return get_wsgi_application()
