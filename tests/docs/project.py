"""A project of a reader of the guide: a directory of its own, SQLite, real processes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT


class Project:
    """What `django-admin startproject` makes, and the snippets that a reader adds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self._run("-m", "django", "startproject", "mysite", ".")
        self._settings = directory / "mysite" / "settings.py"

    def add_settings(self, snippet: str) -> None:
        """Append a snippet to the settings; its dots stand for the apps that are there already."""
        added = snippet.replace("...,", "*INSTALLED_APPS,")
        self._settings.write_text(f"{self._settings.read_text()}\n{added}")

    def write(self, name: str, source: str) -> None:
        """Write a module, with the packages that it needs."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(source)

    def manage(self, *arguments: str) -> str:
        """Run manage.py; return what it printed. Fail unless its status is 0."""
        return self._run("manage.py", *arguments)

    def python(self, *arguments: str) -> str:
        """Run Python in the directory; return what it printed. Fail unless its status is 0."""
        return self._run(*arguments)

    def shell(self, source: str) -> str:
        """Run Python inside of the project; return what it printed."""
        return self.manage("shell", "--no-imports", "-c", source)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: status {done.returncode}\n{done.stdout}"
        return done.stdout.strip()
