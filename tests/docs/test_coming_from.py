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


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a project that has migrated, to be copied for each page."""
    project = Project(tmp_path_factory.mktemp("migrated"))
    project.add_settings(BASE)
    project.manage("migrate")
    return project.directory / "db.sqlite3"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_shown_to_newcomers_runs(path: Path, tmp_path: Path, migrated: Path) -> None:
    text = path.read_text()
    blocks = [block for language, block in code_blocks(text) if language == "python"]
    files = {match[1]: block for block in blocks if (match := FILE.match(block))}
    settings = [block for block in blocks if block.startswith("# settings\n")]
    calls = [block for block in blocks if block not in files.values() and block not in settings]
    assert "shop/tasks.py" in files
    assert calls
    project = Project(tmp_path)
    project.add_settings("\n".join([BASE, *settings]))
    shutil.copy(migrated, project.directory)
    for name, source in files.items():
        project.write(name, source)
    project.shell("".join(calls))
    if "ThreadPoolBackend" in "".join(settings):
        return
    for line in shell_of(text):
        project.manage(*line)
    project.manage("runworker", "--burst")
    told = project.manage("job", "list")
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
