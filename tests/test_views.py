"""Metrics and health over HTTP: who may look."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from django.test import Client, RequestFactory, override_settings

from django_taskq import access
from django_taskq.access import may_look
from django_taskq.monitoring import Monitoring

pytestmark = pytest.mark.django_db

TOKEN = "one-token-only-for-tests"
PAGES = ["/taskq/metrics", "/taskq/health"]
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}

every_page = pytest.mark.parametrize("url", PAGES)


def monitoring(**given: Any) -> override_settings:
    return override_settings(TASKQ={"MONITORING": given})


def is_open(url: str, client: Client | None = None, **more: Any) -> bool:
    """Tell whether a page shows itself; the backend is one that has nothing to complain of."""
    answer = (client or Client()).get(url, {"backend": "threads"}, **more)
    assert answer.status_code in {200, 403}
    if answer.status_code == 403:
        assert "Closed to the public" in answer.content.decode()
    return answer.status_code == 200


@every_page
def test_nobody_but_staff_may_look_by_default(url: str) -> None:
    assert not is_open(url)
    assert not is_open(url, headers=AUTHORIZED)
    client = Client()
    user = User.objects.create(username="reader")
    client.force_login(user)
    assert not is_open(url, client)
    user.is_staff = True
    user.save()
    assert is_open(url, client)
    user.is_active = False
    user.save()
    assert not is_open(url, client)


@every_page
def test_a_token_opens_the_pages_and_nothing_like_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []

    def compare(given: str, known: str) -> bool:
        compared.append((given, known))
        return given == known

    monkeypatch.setattr(access, "constant_time_compare", compare)
    with monitoring(tokens=["another-token-of-tests", TOKEN]):
        assert is_open(url, headers=AUTHORIZED)
        assert compared == [(TOKEN, "another-token-of-tests"), (TOKEN, TOKEN)]
        for wrong in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN):
            assert not is_open(url, headers={"authorization": wrong})
        assert not is_open(f"{url}?token={TOKEN}")


def test_tokens_are_compared_in_constant_time() -> None:
    assert access.constant_time_compare.__module__ == "django.utils.crypto"


@every_page
def test_a_network_goes_by_the_peer_alone(url: str) -> None:
    with monitoring(networks=["10.1.0.0/16", "2001:db8::/32"]):
        for near in ("10.1.2.3", "2001:db8::7", "::ffff:10.1.2.3"):
            assert is_open(url, REMOTE_ADDR=near)
        for far in ("10.2.0.1", "2001:db9::7", "", "unix:", "10.1.2.3, 8.8.8.8"):
            assert not is_open(url, REMOTE_ADDR=far)
        claimed = {
            "x-forwarded-for": "10.1.2.3",
            "x-real-ip": "10.1.2.3",
            "forwarded": "for=10.1.2.3",
        }
        assert not is_open(url, REMOTE_ADDR="8.8.8.8", headers=claimed)


def test_a_token_needs_no_database_and_one_that_is_down_lets_nobody_in() -> None:
    class Lost:
        is_active = True

        @property
        def is_staff(self) -> bool:
            raise OperationalError("no route to host")

    request = RequestFactory().get("/", headers=AUTHORIZED)
    request.user = Lost()
    assert may_look(request, Monitoring(tokens=(TOKEN,)))
    assert not may_look(request, Monitoring())
    request.user = AnonymousUser()
    assert not may_look(request, Monitoring())
    del request.user
    assert not may_look(request, Monitoring())


@every_page
def test_where_everything_needs_a_login_a_token_is_enough(url: str, settings: Any) -> None:
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    with monitoring(tokens=[TOKEN]):
        assert is_open(url, headers=AUTHORIZED)
        assert not is_open(url)


@every_page
def test_pages_are_read_only_and_kept_by_no_cache(url: str) -> None:
    with monitoring(tokens=[TOKEN]):
        assert Client().post(url, headers=AUTHORIZED).status_code == 405
        assert Client().head(url, {"backend": "threads"}, headers=AUTHORIZED).status_code == 200
        answer = Client().get(url, {"backend": "threads"}, headers=AUTHORIZED)
        assert "no-store" in answer.headers["Cache-Control"]
        unknown = Client().get(url, {"backend": "nobody"}, headers=AUTHORIZED)
        assert unknown.status_code == 404
        assert "got 'nobody'" in unknown.content.decode()
