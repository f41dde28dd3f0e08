"""Pipelines run on every alias."""

from tests.aliases import ON_BOTH, alias_fixture

alias = alias_fixture(ON_BOTH)
