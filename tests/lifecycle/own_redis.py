"""A Redis of one test's own, to be killed, frozen, started and emptied at will."""

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
    """A server made from the program of the run's server.

    What it holds outlives its end, unless it is told to keep nothing. With `replica_of` it copies
    the server on that port. `options` are those of its command line, beside those for its place
    and its file.
    """

    def __init__(self, *options: str, keeps: bool = True, replica_of: int | None = None) -> None:
        self._options = options
        self._program = valkey.program_of(servers.url_of("valkey"))
        self._directory = server_directory("own-valkey")
        self._keeps = keeps
        self._replica_of = replica_of
        self.port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Any:
        """A client of the server."""
        return Redis.from_url(self.url)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = ["--bind", "127.0.0.1", "--dir", self._directory, "--save", ""]
        if self._keeps:
            options += ["--appendonly", "yes", "--appendfsync", "always"]
        if self._replica_of is not None:
            options += ["--replicaof", "127.0.0.1", str(self._replica_of)]
        command = [self._program, "--port", str(self.port), *options, *self._options]
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

    def freeze(self) -> None:
        """Have the server hang: connections are accepted, and nothing is answered."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def wait_copied(self) -> None:
        """Wait until this replica has all that its master has."""

        def is_copied() -> bool:
            told = self.client.info("replication")
            return told.get("master_link_status") == "up" and not told.get(
                "master_sync_in_progress"
            )

        wait_until(is_copied, timeout=START_TIMEOUT, what="the replica to have copied its master")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (RedisError, OSError):
            return False
