"""What the guide says of tests works as it stands there, and so do the fixtures."""

import re
from pathlib import Path

from tests.docs.pages import code_blocks, page
from tests.docs.project import Project

TASKS = """
TASKS = {
    "default": {"BACKEND": "django_taskq.backends.DatabaseBackend"},
    "fast": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"},
}
"""


def files_of(text: str) -> dict[str, str]:
    """Return the files that the blocks of a page make up, by the name in their first line."""
    files: dict[str, str] = {}
    for language, block in code_blocks(text):
        named = re.match(r"# (\S+\.py)\n", block)
        if language == "python" and named:
            files[named[1]] = files.get(named[1], "") + block
    return files


def test_the_tests_of_the_guide_pass(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_settings(f'INSTALLED_APPS += ["django_taskq"]\n{TASKS}')
    files = files_of(page("testing"))
    assert list(files) == ["shop/tasks.py", "shop/tests.py", "tests/test_shop.py"]
    for name, source in files.items():
        project.write(name, source)
    told = project.manage("test", "shop")
    assert f"Ran {files['shop/tests.py'].count('def test_')} tests" in told
    assert re.search(r"^OK$", told, re.MULTILINE)
    options = ("--ds=mysite.settings", "--rootdir=.", "-p", "no:cacheprovider")
    told = project.python("-m", "pytest", *options, "tests")
    assert f"{files['tests/test_shop.py'].count('def test_')} passed" in told
