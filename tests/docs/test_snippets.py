"""What a newcomer copies from the README and the quick start works as it stands there."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from tests.docs.pages import README, code_blocks, page
from tests.docs.project import Project

# What a reader has at hand where the guide enqueues: a saved row.
ROW = "from types import SimpleNamespace\norder = user = SimpleNamespace(pk=7)\n"
SETTINGS = ("INSTALLED_APPS", "TASKS", "DATABASES")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def python_of(text: str) -> list[str]:
    return [block for language, block in code_blocks(text) if language == "python"]


def settings_of(blocks: list[str], backend: str) -> str:
    """Return the snippets for the settings of a reader who chooses this backend."""
    wanted = [block for block in blocks if block.startswith(SETTINGS)]
    return "\n".join(b for b in wanted if "BACKEND" not in b or backend in b)


def manage_lines(text: str) -> list[list[str]]:
    """Return the words after `python manage.py` of each line in the shell blocks."""
    shell = "\n".join(block for language, block in code_blocks(text) if language == "sh")
    return [line.split() for line in re.findall(r"^python manage\.py (.+)$", shell, re.MULTILINE)]


def with_asserts(block: str) -> str:
    """Turn each line that ends in a comment with its value into an assertion."""
    return re.sub(r"^(\S.*?)  # (\"\w+\")$", r"assert \1 == \2, \1", block, flags=re.MULTILINE)


def test_the_quick_start_leads_to_a_result(project: Project) -> None:
    text = page("quickstart")
    blocks = python_of(text)
    project.add_settings(settings_of(blocks, "DatabaseBackend"))
    (task,) = [block for block in blocks if block.startswith("# shop/tasks.py")]
    project.write("shop/tasks.py", task)
    (enqueue,) = [block for block in blocks if ".enqueue(" in block]
    (result,) = [block for block in blocks if "get_job" in block]
    lines = manage_lines(text)
    assert [words[0] for words in lines] == ["migrate", "check", "runworker", "job", "taskq"]
    project.manage(*lines[0])
    assert "no issues" in project.manage(*lines[1])
    imports = "from shop.tasks import send_receipt\n"
    id = project.shell(f"{ROW}{imports}{enqueue}print(result.id)")
    project.manage(*lines[2], "--burst")
    asserted = with_asserts(result)
    assert asserted.count("assert ") == 2
    project.shell(f"{imports}result = send_receipt.get_result({id!r})\n{asserted}")
    assert f"{id}  SUCCESSFUL  shop.tasks.send_receipt" in project.manage(*lines[3])
    assert "unfinished    0" in project.manage(*lines[4])


def test_the_quick_start_runs_without_a_worker(project: Project) -> None:
    blocks = python_of(page("quickstart"))
    project.add_settings(settings_of(blocks, "ThreadPoolBackend"))
    (task,) = [block for block in blocks if block.startswith("# shop/tasks.py")]
    project.write("shop/tasks.py", task)
    (enqueue,) = [block for block in blocks if ".enqueue(" in block]
    (result,) = [block for block in blocks if "get_job" in block]
    imports = "from shop.tasks import send_receipt\n"
    project.shell(f"{ROW}{imports}{enqueue}{with_asserts(result)}")


@pytest.mark.parametrize("backend", ["DatabaseBackend", "ThreadPoolBackend"])
def test_the_lines_of_the_readme_run(project: Project, backend: str) -> None:
    blocks = python_of(README.read_text())
    # The lines name the apps once, above the first choice of a backend.
    apps = "\n".join(line for b in blocks for line in b.splitlines() if "INSTALLED_APPS" in line)
    chosen = [line for b in blocks for line in b.splitlines() if f"backends.{backend}" in line]
    assert (apps.count("\n"), len(chosen)) == (0, 1)
    project.add_settings(f"{apps}\n{chosen[0]}")
    (block,) = [block for block in blocks if "@task" in block]
    *definition, call = ast.parse(block).body
    project.write("shop/tasks.py", "\n".join(map(ast.unparse, definition)))
    enqueue = f"from shop.tasks import send_welcome_email\nresult = {ast.unparse(call)}\n"
    if backend == "DatabaseBackend":
        project.manage("migrate")
    wait = "from django_taskq import wait\nwait(result, timeout=20).return_value\n"
    if backend == "ThreadPoolBackend":
        project.shell(f"{ROW}{enqueue}{wait}")
        return
    id = project.shell(f"{ROW}{enqueue}print(result.id)").splitlines()[-1]
    project.manage("runworker", "--burst")
    assert f"{id}  SUCCESSFUL" in project.manage("job", "list")


@pytest.mark.parametrize("name", ["# Sentry\n", "# Sentry, and", "# OpenTelemetry\n"])
def test_the_settings_of_a_tracer_run_a_job(project: Project, name: str) -> None:
    (settings,) = [block for block in python_of(page("observability")) if block.startswith(name)]
    pool = 'TASKS = {"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"}}'
    # Nobody answers under that address.
    own = settings.replace("o1.ingest.sentry.io", "localhost:9")
    project.add_settings(f'INSTALLED_APPS = [..., "django_taskq"]\n{pool}\n{own}')
    project.write(
        "shop/tasks.py", "from django_taskq import task\n\n@task\ndef two():\n    return 2\n"
    )
    project.manage("check")
    imports = "from django_taskq import get_job, wait\nfrom shop.tasks import two\n"
    run = f"{imports}result = two.enqueue()\n"
    header = "traceparent" if "OpenTelemetry" in name else "sentry-trace"
    # Not printed: a console exporter prints the spans, and the log goes on meanwhile.
    look = f"found = (wait(result, timeout=20).return_value, {header!r} in get_job(result).trace)"
    project.shell(f"{run}{look}\nassert found == (2, True), found")


def test_a_header_of_the_projects_own_travels(project: Project) -> None:
    (middleware,) = [b for b in python_of(page("observability")) if b.startswith("# shop/")]
    project.write("shop/middleware.py", middleware)
    pool = 'TASKS = {"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"}}'
    stack = 'TASKQ = {"MIDDLEWARE": ["shop.middleware.RequestId"]}'
    project.add_settings(f'INSTALLED_APPS = [..., "django_taskq"]\n{pool}\n{stack}')
    project.write(
        "shop/tasks.py",
        "from django_taskq import task\nfrom shop.middleware import request_id\n\n"
        "@task\ndef whose():\n    return request_id.get()\n",
    )
    project.shell(
        "from django_taskq import wait\nfrom shop.tasks import whose\n"
        "from shop.middleware import request_id\nrequest_id.set('r-7')\n"
        "found = wait(whose.enqueue(), timeout=20).return_value\n"
        "assert found == 'r-7', found"
    )


def test_the_schedules_of_the_guide_can_be_added_and_kept_in_code(project: Project) -> None:
    text = page("schedules")
    task, kept, listed = python_of(text)
    database = 'TASKS = {"default": {"BACKEND": "django_taskq.backends.DatabaseBackend"}}'
    sqlite = 'DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}'
    project.add_settings(f'INSTALLED_APPS = [..., "django_taskq"]\n{database}\n{sqlite}\n{listed}')
    others = "@task\ndef ping():\n    pass\n\n@task\ndef greet():\n    pass\n"
    project.write("shop/tasks.py", f"{task}\n{others}")
    project.write("shop/schedules.py", kept)
    assert "no issues" in project.manage("check")
    project.manage("migrate")
    shell = "\n".join(block for language, block in code_blocks(text) if language == "sh")
    lines = [shlex.split(line) for line in re.findall(r"^python manage\.py (.+)$", shell, re.M)]
    for words in lines[:5]:
        printed = project.manage(*words)
    assert printed.count("09:00:00") == 3
