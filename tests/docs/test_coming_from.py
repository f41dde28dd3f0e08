"""What the guide shows to those who come from other queues runs as it stands there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import GUIDE, code_blocks
from tests.docs.project import Project

PAGES = sorted(path for path in (GUIDE / "coming-from").glob("*.md") if path.stem != "index")
BASE = """
INSTALLED_APPS = [..., "django_taskq"]
DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 30}
TASKS = {"default": {"BACKEND": "django_taskq.backends.DatabaseBackend"}}
"""
FILE = re.compile(r"# (shop/\w+\.py)\n")


# Runs the commands in the process of the calls: to start one takes longer than most of them.
COMMANDS = """
import io
from django.core.management import call_command
for words in {lines!r}:
    call_command(*words)
told = io.StringIO()
call_command("job", "list", stdout=told)
print(told.getvalue())
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has migrated; each page gets its database and settings afresh."""
    made = Project(tmp_path_factory.mktemp("project"))
    made.add_settings(BASE)
    made.manage("migrate")
    for name in ("db.sqlite3", "mysite/settings.py"):
        shutil.copy(made.directory / name, made.directory / f"{name}.kept")
    return made


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_shown_to_newcomers_runs(path: Path, project: Project) -> None:
    text = path.read_text()
    blocks = [block for language, block in code_blocks(text) if language == "python"]
    files = {match[1]: block for block in blocks if (match := FILE.match(block))}
    settings = [block for block in blocks if block.startswith("# settings\n")]
    calls = [block for block in blocks if block not in files.values() and block not in settings]
    assert "shop/tasks.py" in files
    assert calls
    for kept in project.directory.rglob("*.kept"):
        shutil.copy(kept, kept.with_suffix(""))
    project.add_settings("\n".join(settings))
    for name, source in files.items():
        project.write(name, source)
    if "ThreadPoolBackend" in "".join(settings):
        project.shell("".join(calls))
        return
    lines = [*shell_of(text), ["runworker", "--burst"]]
    told = project.shell("".join(calls) + COMMANDS.format(lines=lines))
    assert re.search("SUCCESSFUL|SCHEDULED", told)
    assert "FAILED" not in told


def shell_of(text: str) -> list[list[str]]:
    """Return the words of each command on the page; a worker among them ends when it is idle."""
    shell = "\n".join(block for language, block in code_blocks(text) if language == "sh")
    lines = [shlex.split(line) for line in re.findall(r"^python manage\.py (.+)$", shell, re.M)]
    return [[*line, "--burst"] if line[0] == "runworker" else line for line in lines]


def test_every_page_says_what_it_was_checked_against_and_what_is_missing() -> None:
    assert len(PAGES) == 8
    for path in PAGES:
        text = path.read_text()
        assert "\nChecked against " in text, path.stem
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Before and after", "What is different", "What you will miss"]
