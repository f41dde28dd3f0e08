"""The setting TASKQ["MONITORING"]: what is refused, and that no message shows a token."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import override_settings

from django_taskq.checks import check_monitoring, check_project
from django_taskq.exceptions import InvalidOptions
from django_taskq.monitoring import Monitoring
from django_taskq.project import read_monitoring

TOKEN = "a-token-of-tests-1234"


@pytest.mark.parametrize("taskq", [{}, {"MONITORING": {}}])
def test_by_default_it_lets_nobody_in(taskq: Any) -> None:
    with override_settings(TASKQ=taskq):
        assert [*check_project(), *check_monitoring()] == []
        assert read_monitoring() == Monitoring()


def test_what_is_given_is_read() -> None:
    given = {"tokens": (TOKEN,), "networks": ["::1", "10.0.0.0/8"], "max_age": 60, "timeout": 1.5}
    with override_settings(TASKQ={"MONITORING": given}):
        assert [*check_project(), *check_monitoring()] == []
        assert read_monitoring() == Monitoring(
            tokens=(TOKEN,),
            networks=(ip_network("::1"), ip_network("10.0.0.0/8")),
            max_age=60.0,
            timeout=1.5,
        )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "TASKQ['MONITORING']: expected a dict, got list."),
        ({"token": TOKEN}, "TASKQ['MONITORING']: 'token' is not a key of it."),
        ({"tokens": TOKEN}, "'tokens': expected a list of tokens, got str."),
        ({"tokens": [TOKEN, 5]}, "expected text, got int as token 2."),
        ({"tokens": ["short-secret"]}, "expected at least 16 characters, got 12 in token 1."),
        ({"tokens": [TOKEN + " x"]}, "expected ASCII without spaces"),
        ({"tokens": [TOKEN + "é"]}, "expected ASCII without spaces"),
        ({"networks": "10.0.0.0/8"}, "expected a list of networks, got '10.0.0.0/8'."),
        ({"networks": ["10.0.0.1/8"]}, "without bits beyond the mask, got '10.0.0.1/8'."),
        ({"networks": [10]}, "got 10."),
        ({"networks": ["localhost"]}, "got 'localhost'."),
        ({"max_age": 0}, "'max_age': expected seconds from 0.01 to 31536000, got 0."),
        ({"max_stall": True}, "got True."),
        ({"timeout": "5"}, "got '5'."),
    ],
)
def test_what_is_wrong_is_told_and_opens_nothing(given: Any, told: str) -> None:
    with override_settings(TASKQ={"MONITORING": given}):
        (message,) = check_monitoring()
        with pytest.raises(InvalidOptions):
            read_monitoring()
    assert message.id == "django_taskq.E030"
    assert told in message.msg
    assert message.hint
    assert TOKEN not in message.msg
    assert "short-secret" not in message.msg
