"""A Redis of one test's own, to be killed, started and emptied at will."""

import signal
import subprocess
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests import servers
from tests.deadlines import wait_until
from tests.servers import valkey
from tests.servers.process import free_port, launch_command, server_directory

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0


class OwnRedis:
    """A server made from the program of the run's server; what it holds outlives its end."""

    def __init__(self) -> None:
        self._program = valkey.program_of(servers.url_of("valkey"))
        self._directory = server_directory("own-valkey")
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def client(self) -> Any:
        """A client of the server."""
        return Redis.from_url(self.url)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = ["--bind", "127.0.0.1", "--dir", self._directory, "--save", ""]
        command = [
            self._program, "--port", str(self._port), *options,
            "--appendonly", "yes", "--appendfsync", "always",
        ]  # fmt: skip
        with (self._directory / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                launch_command(command, signal.SIGKILL),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, timeout=START_TIMEOUT, what="the test's own Redis to answer")

    def kill(self) -> None:
        """End the server by SIGKILL, where it runs."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(STOP_TIMEOUT)
            self._server = None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (RedisError, OSError):
            return False
