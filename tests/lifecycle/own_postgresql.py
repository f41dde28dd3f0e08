"""A PostgreSQL server of one test's own, to be stopped, started and broken at will."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from tests import servers
from tests.deadlines import wait_until
from tests.servers import ServerUnavailable, postgresql
from tests.servers.process import launch_command, run_to_end, server_directory

USER = "postgres"
STOP_TIMEOUT = 30.0
START_TIMEOUT = 60.0
FAST = signal.SIGINT
IMMEDIATE = signal.SIGQUIT


class OwnPostgresql:
    """A server made from the programs of the run's server; it ends with this process at last."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._directory = server_directory("own-postgresql")
        self._data = self._directory / "data"
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        run_to_end(
            [
                self._programs / "initdb", "-D", self._data, "--no-sync", "--encoding", "UTF8",
                "--no-locale", "--username", USER, "--auth", "trust",
            ],
            self._directory,
        )  # fmt: skip

    @property
    def port(self) -> int:
        """The port on loopback."""
        return self._port

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"postgresql://{USER}@127.0.0.1:{self._port}/postgres"

    @property
    def database(self) -> dict[str, Any]:
        """The entry of DATABASES that leads to the server."""
        return postgresql.database(self.url)

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "50",
        }
        settings = [part for item in options.items() for part in ("-c", "=".join(item))]
        command = [
            self._programs / "postgres", "-D", self._data, "-p", str(self._port), *settings,
        ]  # fmt: skip

        def answers() -> bool:
            # After a crash the memory of the old server may be there for a moment.
            if self._server is None or self._server.poll() is not None:
                self._server = self._launch(command)
            return self._accepts()

        wait_until(answers, timeout=START_TIMEOUT, what="the test's own PostgreSQL to answer")

    def stop(self, how: signal.Signals = FAST) -> None:
        """Stop the server as `pg_ctl stop` does, in its mode `fast` or `immediate`."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(STOP_TIMEOUT)
            self._server = None

    def execute(self, statement: str) -> list[Any]:
        """Run a statement as the superuser; return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def _launch(self, command: list[Any]) -> "subprocess.Popen[bytes]":
        with (self._directory / "server.log").open("ab") as log:
            return subprocess.Popen(
                launch_command(command, IMMEDIATE),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _programs() -> Path:
    """Return the folder with the programs of the server that the run uses."""
    with psycopg.connect(servers.url_of("postgresql")) as connection:
        row = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    programs = Path(row[0] if row else "")
    if not os.access(programs / "initdb", os.X_OK):
        raise ServerUnavailable(
            f"This test breaks a server of its own, made with the programs in {programs} that the"
            " run's PostgreSQL names, but they are not on this machine. Leave"
            f" {postgresql.CHOICE} unset, or set it to `system`."
        )
    return programs
