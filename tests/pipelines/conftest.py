"""Pipelines run on every alias."""

from tests.aliases import alias_fixture

alias = alias_fixture()
