"""The Lua scripts: one for each verb, loaded from files, called by their digests."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis import BlockingConnectionPool
from redis.exceptions import NoScriptError, ResponseError

from django_taskq.jobs.clock import given_clock
from django_taskq.jobs.epochs import EpochLost
from django_taskq.stores.redis.codec import write_moment
from django_taskq.stores.redis.connections import Connections
from django_taskq.stores.redis.keys import Keys

type Argument = str | bytes | int | float


# What brings more jobs in; whatever else there is makes room in the end, and may go on where the
# memory is full.
FILLING = frozenset({"insert", "put", "adopt", "give"})
# From this release of Redis on a script can say so; Valkey tells of one like it.
WITH_FLAGS = 7
# How an answer begins that tells that what Redis holds is not what was handed out.
NO_EPOCH = "NOEPOCH "


@cache
def text_of(name: str, flags: str = "", guard: str = "") -> str:
    """Return a script with what its first line says that it needs in front of it."""
    lua = files("django_taskq.stores.redis") / "lua"
    own = (lua / f"{name}.lua").read_text()
    needs = guard.split() + own.partition("\n")[0].removeprefix("-- needs:").split()
    parts = [*((lua / f"{need}.lua").read_text() for need in needs), own]
    return flags + "\n".join(parts)


@cache
def digest_of(name: str, flags: str = "", guard: str = "") -> str:
    """Return what Redis calls a script by."""
    return sha1(text_of(name, flags, guard).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Runs the scripts of one alias. `client` is asked for the client of this process.

    Each run goes by one moment: Redis' own clock, unless another one was given. Where an epoch is
    expected, a script that finds another one, or none, does nothing, and EpochLost is raised.
    """

    def __init__(
        self, client: Callable[[], Any], keys: Keys, clock: Callable[[], datetime] | None
    ) -> None:
        self.client = client
        self._connections = Connections(client)
        self.keys = keys
        self._clock = clock
        self._epoch: Callable[[], int | None] | None = None
        self._known_flags: str | None = None
        self._is_used = False

    def expect(self, epoch: Callable[[], int | None]) -> None:
        """Have all scripts expect an epoch from now on; None for whichever has begun here."""
        self._epoch = epoch

    @property
    def is_guarded(self) -> bool:
        """Whether an epoch is expected."""
        return self._epoch is not None

    def run(self, name: str, *arguments: Argument) -> Any:
        """Run a script and return what it returns."""
        clock = given_clock() or self._clock
        now = "" if clock is None else write_moment(clock())
        client, tag = self.client(), self.keys.tag
        self._is_used = True
        flags = "" if name in FILLING else self._flags(client)
        guard = ""
        if self._epoch is not None:
            epoch = self._epoch()
            guard, now = "epoch", f"{'' if epoch is None else epoch}/{now}"
        try:
            try:
                digest = digest_of(name, flags, guard)
                return self._connections.run("EVALSHA", digest, 1, tag, now, *arguments)
            except NoScriptError:
                # Redis has been started anew, or its scripts were flushed.
                return client.eval(text_of(name, flags, guard), 1, tag, now, *arguments)
        except ResponseError as error:
            raise lost_in(error) or error from None

    def send(self, *command: Argument) -> Any:
        """Send a command on the connection that this thread keeps; return what Redis answers."""
        self._is_used = True
        return self._connections.run(*command)

    def close(self) -> None:
        """Give up the connections that nobody uses; the next run opens new ones."""
        if not self._is_used:
            return
        self._connections.close()
        pool = self.client().connection_pool
        if isinstance(pool, BlockingConnectionPool):
            # Before redis-py 8 it knows no other way than all of them.
            pool.disconnect()
        else:
            pool.disconnect(inuse_connections=False)

    def _flags(self, client: Any) -> str:
        if self._known_flags is None:
            release = str(client.info("server").get("redis_version", "0"))
            has_flags = int(release.partition(".")[0]) >= WITH_FLAGS
            self._known_flags = "#!lua flags=allow-oom\n" if has_flags else ""
        return self._known_flags


def lost_in(error: ResponseError) -> EpochLost | None:
    """Return the loss that an answer of Redis tells of, None where it tells of another error."""
    told = str(error)
    at = told.find(NO_EPOCH)
    return None if at < 0 else EpochLost(told[at + len(NO_EPOCH) :].partition(" script")[0])
