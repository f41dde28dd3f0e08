"""Reading the admin's pages in tests."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from django_taskq.control import database_of
from django_taskq.models import Job

LIST = "/admin/django_taskq/job/"
type SignIn = Callable[..., Client]


def rows(alias: str) -> Any:
    """Return the jobs in the database of an alias."""
    return Job.objects.using(database_of(alias))


def listed(client: Client, **filters: str) -> list[str]:
    """Return the ids on a page of the list."""
    page = client.get(LIST, filters)
    assert page.status_code == 200
    return [str(job.public_id) for job in page.context["cl"].result_list]


def told(page: Any) -> str:
    """Return the messages of a page."""
    return " ".join(str(message) for message in page.context["messages"])
