"""The directory of a test run and the server processes in it; both end with the run."""

import atexit
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.deadlines import wait_until
from tests.servers.errors import ServerUnavailable

HERE = Path(__file__).resolve().parent
DIRECTORY_VARIABLE = "TASKQ_RUN_DIRECTORY"
NOBODY = 65534
START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
# Between choosing a free port and listening on it another process may take it.
PORT_ATTEMPTS = 3


def run_directory() -> Path:
    """Return the directory shared by the processes of this run; it is removed when the run ends."""
    if DIRECTORY_VARIABLE not in os.environ:
        directory = _make_directory()
        _start_janitor(directory)
        os.environ[DIRECTORY_VARIABLE] = str(directory)
    return Path(os.environ[DIRECTORY_VARIABLE])


def _make_directory() -> Path:
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    parent = next((path for path in parents if is_open_to_all(path)), parents[0])
    directory = Path(tempfile.mkdtemp(prefix="taskq-tests-", dir=parent))
    # Servers that refuse to run as root must be able to pass through.
    directory.chmod(0o711)
    return directory


def is_open_to_all(path: Path) -> bool:
    """Tell whether every user may enter the folder and all folders above it."""
    folders = [path, *path.parents]
    return all(folder.is_dir() and folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def _start_janitor(directory: Path) -> None:
    janitor = subprocess.Popen(
        [sys.executable, "-I", "-S", HERE / "janitor.py", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    owner = os.getpid()

    def dismiss() -> None:
        if os.getpid() == owner and janitor.stdin:
            janitor.stdin.close()
            janitor.wait(STOP_TIMEOUT)

    atexit.register(dismiss)


def server_directory(name: str) -> Path:
    """Make a folder for the data of one server, owned by the user that will run it."""
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=run_directory()))
    if server_uid():
        os.chown(directory, server_uid(), server_uid())
    return directory


def server_uid() -> int:
    """Return the user to run servers as: 0, the present one, unless that is root."""
    return NOBODY if os.geteuid() == 0 else 0


def launch_command(command: Sequence[str | Path], ends_by: int) -> list[str]:
    launcher = [sys.executable, "-I", "-S", HERE / "launch.py", os.getpid(), server_uid(), ends_by]
    return [str(part) for part in [*launcher, *command]]


def run_to_end(command: Sequence[str | Path], directory: Path) -> None:
    """Run a preparing command as the user of the servers; its output is the error, if it fails."""
    done = subprocess.run(
        launch_command(command, signal.SIGKILL),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerUnavailable(
            f"{Path(command[0]).name} ended with status {done.returncode}:"
            f" {(done.stderr or done.stdout).strip()[-2000:]}"
        )


def check_given(variable: str, url: str, answers: Callable[[str], bool]) -> None:
    """Raise unless the server at the URL that `variable` holds can be used."""
    if not answers(url):
        parts = urlsplit(url)
        raise ServerUnavailable(
            f"{variable} names a server at {parts.hostname}:{parts.port}, which refuses the"
            " connection or cannot be reached. Start it, correct the URL, or unset the variable."
        )


def start_server(
    command: Callable[[int], Sequence[str | Path]],
    directory: Path,
    answers: Callable[[int], bool],
    ends_by: int = signal.SIGKILL,
) -> int:
    """Start `command(port)` on a free port, wait until `answers(port)` and return the port."""
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        if _starts(command(port), directory, lambda port=port: answers(port), ends_by):
            return port
    name = Path(command(0)[0]).name
    log = (directory / "server.log").read_text(errors="replace").strip()[-2000:]
    raise ServerUnavailable(f"{name} did not start on 127.0.0.1; its log ends with: {log}")


def _starts(
    command: Sequence[str | Path], directory: Path, answers: Callable[[], bool], ends_by: int
) -> bool:
    with (directory / "server.log").open("ab") as log:
        server = subprocess.Popen(
            launch_command(command, ends_by),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in the terminal is for the tests; the servers end after them.
            start_new_session=True,
        )
    _stop_at_exit(server, ends_by)
    wait_until(
        lambda: server.poll() is not None or answers(),
        timeout=START_TIMEOUT,
        what=f"{Path(command[0]).name} to answer",
    )
    return server.poll() is None


def _stop_at_exit(server: "subprocess.Popen[bytes]", ends_by: int) -> None:
    owner = os.getpid()

    def stop() -> None:
        # A forked child that leaves in the ordinary way must not take its parent's server along.
        if os.getpid() == owner and server.poll() is None:
            server.send_signal(ends_by)
            try:
                server.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    atexit.register(stop)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
