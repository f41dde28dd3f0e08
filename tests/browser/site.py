"""The site and its worker as processes of their own, over a database of their own."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.deadlines import wait_until

ROOT = Path(__file__).resolve().parents[2]
LONGEST_START = 60.0
LONGEST_END = 20.0


class Site:
    """A desk of its own, its site and a worker."""

    def __init__(
        self, directory: Path, settings: str = "tests.browser.settings", **environment: str
    ) -> None:
        self.directory = directory
        self.address = f"http://127.0.0.1:{_free_port()}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
        self.environment = {
            **kept,
            "DESK_DIRECTORY": str(directory),
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self._children: list[subprocess.Popen[bytes]] = []

    def fill(self) -> dict[str, str]:
        """Make the database and what the tests look at; return where things are."""
        return dict(json.loads(self.python("-m", "tests.browser.filling", str(self.directory))))

    def start(self) -> None:
        """Start the site and a worker; return once the site answers."""
        self._start("worker", "runworker", "--no-reload", "--grace", "5", "--threads", "4")
        self.serve()

    def serve(self) -> None:
        """Start the site alone; return once it answers."""
        host = self.address.removeprefix("http://")
        self._start("site", "runserver", "--noreload", host)
        wait_until(self._answers, timeout=LONGEST_START, what="the site to answer")

    def stop(self) -> None:
        """End both, gracefully where they can."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(LONGEST_END)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def python(self, *arguments: str) -> str:
        """Run Python with the settings of the site; return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_START,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: status {done.returncode}\n{done.stderr}"
        return done.stdout

    def told(self) -> str:
        """Return the end of what each process has written."""
        files = sorted(self.directory.glob("*.log"))
        return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in files)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            self._children.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", *arguments],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _answers(self) -> bool:
        ended = [child for child in self._children if child.poll() is not None]
        assert not ended, f"A process of the site has ended.\n{self.told()}"
        try:
            with urllib.request.urlopen(f"{self.address}/favicon.ico", timeout=LONGEST_START):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
