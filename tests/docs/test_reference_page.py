"""The page that names everything names what the code has, all of it, and nothing else."""

import re

import pytest
from django.apps import apps

import django_taskq
from django_taskq import backends, exceptions, project
from tests.docs.pages import first_column, page, sections
from tests.docs.test_reference import exists, parsers

REFERENCE = sections(page("reference"))
BACKENDS = [getattr(backends, name) for name in backends.__all__]


def rows(section: str) -> list[list[str]]:
    """Return the cells of the tables of a section, without their heads."""
    lines = [line for line in REFERENCE[section].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for number, row in enumerate(cells) if number > 1]


def test_each_key_of_options_is_marked_for_the_backends_that_take_it() -> None:
    head = re.findall(r"\b\w+Backend\b", REFERENCE["Options of an alias"].splitlines()[4])
    assert head == ["ThreadPoolBackend", "ProcessPoolBackend", "DatabaseBackend", "RedisBackend"]
    told = {row[0].strip("`"): row[1:] for row in rows("Options of an alias")}
    by_name = {backend.__name__: backend.readers for backend in BACKENDS}
    keys = {key for readers in by_name.values() for key in readers}
    assert told == {key: ["yes" if key in by_name[name] else "" for name in head] for key in keys}


def test_the_keys_of_taskq_are_described_and_no_other() -> None:
    assert set(first_column(REFERENCE["The setting TASKQ"])) == set(project.KEYS)


def test_every_public_name_is_described_once() -> None:
    text = REFERENCE["Public names"]
    names, modules = text.split("| module | for |")
    assert sorted(first_column(names)) == sorted(django_taskq.__all__)
    for module in first_column(modules):
        assert exists("django_taskq", module.removeprefix("django_taskq."))


def test_every_command_and_verb_is_listed_with_a_link_to_its_options() -> None:
    listed = re.findall(r"^\| \[`([\w ]+)`\]\((\S+)\)", REFERENCE["Commands"], re.MULTILINE)
    assert [name for name, _ in listed] == [
        heading for heading in sections(page("commands")) if heading not in {"Exit status", "JSON"}
    ]
    assert {name for name, _ in listed} == {name for name, _ in parsers()}
    for name, link in listed:
        assert link == f"commands.md#{name.replace(' ', '-')}"


def test_every_exception_is_described_and_no_other() -> None:
    ours = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and value.__module__ == exceptions.__name__
    }
    assert set(first_column(REFERENCE["Exceptions"])) == ours


def test_every_permission_is_described_and_no_other() -> None:
    ours = {
        codename
        for model in apps.get_app_config("django_taskq").get_models()
        for codename, _ in model._meta.permissions
    }
    assert set(first_column(REFERENCE["Permissions"])) == ours


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.__name__)
def test_the_table_of_backends_says_whether_a_worker_is_needed(backend: type) -> None:
    lines = [line for line in page("backends").splitlines() if line.startswith("|")]
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    column = head.index(backend.__name__)
    told = {
        line.strip("|").split("|")[0].strip(): line.strip("|").split("|")[column].strip()
        for line in lines[2:]
        if line.count("|") == len(head) + 1
    }
    assert (told["jobs run"] == "in `runworker`") is backend.needs_worker
    assert (told["seen by other processes"] == "yes") is backend.needs_worker
    assert told["schedules, XCom"].startswith("yes")
    assert told["async tasks"].startswith("yes") is backend.supports_async_task
