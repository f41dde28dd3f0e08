"""A reader of the admin, with the permissions that a test wants."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from django_taskq.models import Job, Queue, Schedule, Tenant, Worker
from tests.running import DURABLE

type SignIn = Callable[..., Client]


@pytest.fixture
def sign_in(request: pytest.FixtureRequest) -> SignIn:
    """Sign in somebody of the staff with these permissions, `*` for all."""

    def sign_in(*permissions: str) -> Client:
        user = User.objects.create(
            username="reader", is_staff=True, is_superuser="*" in permissions
        )
        for model in (Job, Queue, Schedule, Tenant, Worker):
            content_type = ContentType.objects.get_for_model(model)
            for name in permissions:
                if name.endswith(f"_{model._meta.model_name}"):
                    found, _ = Permission.objects.get_or_create(
                        codename=name, content_type=content_type, defaults={"name": name}
                    )
                    user.user_permissions.add(found)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(params=DURABLE)
def alias(request: pytest.FixtureRequest) -> str:
    """Each alias with durable jobs; the admin reads it from the database that it uses."""
    return request.param
