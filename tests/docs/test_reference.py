"""The reference says what the code has, all of it, and nothing else."""

import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.dispatch import Signal
from django.tasks import signals as django_signals

import django_taskq
from django_taskq import context, monitoring, signals, tasks
from django_taskq.management import commands
from django_taskq.metrics.families import Page
from django_taskq.options import PROCESS_POOL, REDIS
from django_taskq.pool_problems import CHECKS
from tests.docs.pages import ROOT, code, everything, first_column, page, sections

COMMANDS = sorted(module.name for module in iter_modules(commands.__path__))
# Sections of the page that are about no command.
OF_ALL = {"Exit status", "JSON"}
# What Django's decorator and `using()` take beside our options.
OPTIONS_OF_DJANGO = {"takes_context"}


class _Plain(BaseCommand):
    """A command with the options that Django gives to every one."""


def parsers() -> Iterator[tuple[str, ArgumentParser]]:
    """Return each command, or each verb of it, with its parser."""
    for name in COMMANDS:
        parser = load_command_class("django_taskq", name).create_parser("manage.py", name)
        verbs = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
        if not verbs:
            yield name, parser
        for action in verbs:
            yield from ((f"{name} {verb}", found) for verb, found in action.choices.items())


def arguments_of(parser: ArgumentParser) -> set[str]:
    """Return the options and the names of the positional arguments that are our own."""
    plain = _Plain().create_parser("manage.py", "plain")._option_string_actions
    found: set[str] = set()
    for action in parser._actions:
        names = action.option_strings or [str(action.metavar)]
        found.update(name for name in names if name not in plain)
    return found


def signals_of(module: object) -> set[str]:
    return {name for name, value in vars(module).items() if isinstance(value, Signal)}


def test_every_command_and_verb_has_its_section_and_no_other_is_described() -> None:
    described = sections(page("commands")).keys() - OF_ALL
    assert described == {name for name, _ in parsers()}


@pytest.mark.parametrize("name", [name for name, _ in parsers()])
def test_the_table_of_a_command_has_its_arguments_and_no_other(name: str) -> None:
    described = {cell.split()[0] for cell in first_column(sections(page("commands"))[name])}
    assert described == arguments_of(dict(parsers())[name])


def test_the_keys_of_options_are_described_and_no_other() -> None:
    described = set(first_column(sections(page("backends"))["Options"]))
    assert described == set(REDIS | PROCESS_POOL)


def test_the_keys_of_a_pool_are_described_and_no_other() -> None:
    assert set(first_column(sections(page("workers"))["Pools"])) == set(CHECKS)


def test_the_keys_of_monitoring_are_described_and_no_other() -> None:
    described = set(first_column(sections(page("monitoring"))["Who may look"]))
    assert described == set(monitoring.KEYS)


def test_every_metric_is_described_with_its_kind_and_no_other() -> None:
    text = sections(page("monitoring"))["Metrics"]
    described = dict(re.findall(r"^\| `(taskq_\w+)` \| (\w+) \|", text, re.MULTILINE))
    assert described == {each.name: each.kind for each in Page(has_tenants=True).families}


def test_the_ids_of_system_checks_are_described_and_no_other() -> None:
    sources = (ROOT / "django_taskq").rglob("*.py")
    ids = {
        f"django_taskq.{number}"
        for source in sources
        for number in re.findall(r'"(?:django_taskq\.)?([EW]\d{3})"', source.read_text())
    }
    described = list(first_column(page("checks")))
    assert sorted(described) == sorted(ids)


def test_the_options_of_tasks_are_described_and_no_other() -> None:
    table = page("tasks").split("| option | meaning |")[1].split("\n\n")[0]
    assert set(first_column(table)) == tasks.KNOWN | OPTIONS_OF_DJANGO


def test_every_signal_is_described_and_no_other() -> None:
    described = set(first_column(sections(page("tasks"))["Signals"])) - {"signal"}
    of_django = {name for name in signals_of(django_signals) if name.startswith("task_")}
    assert described == signals_of(signals) | of_django


@pytest.mark.parametrize("name", django_taskq.__all__)
def test_every_public_name_stands_in_the_guide(name: str) -> None:
    assert re.search(rf"\b{name}\b", code(everything()))


def test_no_name_of_the_package_stands_in_the_guide_that_it_has_not() -> None:
    text = everything()
    imported = re.findall(r"from (django_taskq[\w.]*) import ([\w, ]+)", text)
    named = {(module, name.strip()) for module, names in imported for name in names.split(",")}
    dotted = {path for path in re.findall(r"\bdjango_taskq((?:\.\w+)+)", text) if path != ".E"}
    checks = {f".{found.rpartition('.')[2]}" for found in first_column(page("checks"))}
    loggers = {context.logger.name.removeprefix("django_taskq")}
    named |= {("django_taskq", path[1:]) for path in dotted - checks - loggers}
    assert len(named) > 10
    assert [f"{module}: {name}" for module, name in sorted(named) if not exists(module, name)] == []


def exists(module: str, path: str) -> bool:
    """Tell whether a dotted path leads to a module or to something in one."""
    *parents, last = f"{module}.{path}".split(".")
    for split in range(len(parents), 0, -1):
        try:
            found: object = import_module(".".join(parents[:split]))
        except ModuleNotFoundError:
            continue
        for part in [*parents[split:], last]:
            if not hasattr(found, part):
                return _is_module(f"{module}.{path}")
            found = getattr(found, part)
        return True
    return False


def _is_module(path: str) -> bool:
    try:
        import_module(path)
    except ModuleNotFoundError:
        return False
    return True
