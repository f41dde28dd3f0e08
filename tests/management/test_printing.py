"""What the commands with verbs share."""

import pytest
from django.core.management import load_command_class

VERBS = [
    ("job", "list"), ("schedule", "list"), ("queue", "list"), ("tenant", "list"),
    ("xcom", "list"), ("pipeline", "list"), ("taskq", "stats"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "verb"), VERBS)
def test_options_of_django_stand_before_and_behind_a_verb(name: str, verb: str) -> None:
    parser = load_command_class("django_taskq", name).create_parser("manage.py", name)
    given = ["--settings", "shop.settings", "--traceback", "-v", "2"]
    before, behind = parser.parse_args([*given, verb]), parser.parse_args([verb, *given])
    assert vars(before) == vars(behind)
    assert (behind.settings, behind.traceback, behind.verbosity) == ("shop.settings", True, 2)
    assert parser.parse_args([verb]).verbosity == 1
