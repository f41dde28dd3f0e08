import re
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psutil
import pytest

from example_project.serve import stop
from tests.deadlines import wait_until
from tests.example_project.processes import start

# The tables that the desk is added to are made for tests that ask for a database.
pytestmark = pytest.mark.django_db

TIMEOUT = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def fetch(opener: urllib.request.OpenerDirector, url: str, data: bytes | None = None) -> str | None:
    """Return a page, None while nobody answers."""
    try:
        with opener.open(url, data, timeout=TIMEOUT) as response:
            text: str = response.read().decode()
            return text
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, ConnectionError):
        return None


def test_a_text_is_handed_in_read_and_followed_and_all_processes_end(tmp_path: Path) -> None:
    site = f"http://127.0.0.1:{(port := free_port())}/"
    serve = start("serve", tmp_path, "--port", str(port))
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    try:
        page = wait_until(lambda: fetch(opener, site), timeout=TIMEOUT, what="the site to answer")
        assert "Acme" in page
        family = psutil.Process(serve.pid).children(recursive=True)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        form = {"csrfmiddlewaretoken": token[1], "name": "a.py", "text": "def queue(): ..."}
        url = f"{site}customers/acme/"
        job = fetch(opener, url, urllib.parse.urlencode(form).encode())
        assert job
        # The page of a job that has ended follows it no more.
        if found := re.search(r'data-events="([^"]+)"', job):
            events = fetch(opener, urllib.parse.urljoin(site, found[1]))
            assert events
            assert events.rstrip().rpartition("event: ")[2].startswith("end")
            assert '"state": "SUCCESSFUL"' in events
        assert '<td class="number">1</td>' in (fetch(opener, url) or "")
    finally:
        serve.send_signal(signal.SIGINT)
        output, _ = serve.communicate(timeout=TIMEOUT)
    assert serve.returncode == 0, output
    assert site in output
    assert "demo / demo" in output
    assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_a_taken_port_ends_everything_with_a_status(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serve = start("serve", tmp_path, "--port", str(listener.getsockname()[1]))
        output, _ = serve.communicate(timeout=TIMEOUT)
    assert serve.returncode == 1
    assert "The site ended with status 1." in output


class Slow:
    """A child that is still at work when its parent is interrupted once more."""

    def __init__(self) -> None:
        self.asked = 0

    def ask_to_stop(self) -> None:
        self.asked += 1

    def await_end(self, grace: float) -> int:
        if self.asked == 1:
            raise KeyboardInterrupt
        return 0


def test_a_second_interrupt_has_the_worker_hurry(capsys: pytest.CaptureFixture[str]) -> None:
    child: Any = Slow()
    stop([child])
    assert child.asked == 2
    assert capsys.readouterr().out == "Giving running jobs back now.\n"
