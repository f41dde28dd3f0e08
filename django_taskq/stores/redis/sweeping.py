"""What whoever compares Redis with rows asks of Redis."""

from collections.abc import Sequence
from itertools import batched

from django_taskq.jobs.sweeps import Handed, Room, Turn
from django_taskq.stores.redis.codec import write_seq
from django_taskq.stores.redis.scripts import Argument, Scripts

# Jobs per script.
CHUNK = 500
# Milliseconds after which another one sweeps where who did so has fallen silent.
TURN = 5000
# Milliseconds between two looks at everything.
FULL_EVERY = 300_000
# The part of its memory beyond which Redis is not filled with what is safe in rows.
FULL = 0.9


class Sweeping:
    """Finds what Redis does not know, has what it knows found, and lists it."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def take_turn(self, token: str, come: str | None, begin: str) -> Turn:
        """Take the turn to sweep, or keep it, and note how far a look at everything has come.

        `come` is "" where that is over, None where the caller does not know; `begin` is where the
        next one starts once it is due.
        """
        known = "-" if come is None else come
        is_taken, text = self._scripts.run("sweep", token, TURN, known, begin, FULL_EVERY)
        return Turn(bool(is_taken), text.decode())

    def ask_for_all(self) -> None:
        """Have a look at everything begun soon."""
        self._scripts.client().delete(self._scripts.keys.name("swept"))

    def is_looking(self) -> bool:
        """Tell whether a look at everything is due or under way, so that jobs may still come."""
        names = [self._scripts.keys.name(name) for name in ("sweep", "swept")]
        come, begun = self._scripts.client().mget(names)
        return come is not None or begun is None

    def find_astray(self, rows: Sequence[Handed]) -> list[int]:
        """Return the numbers of those that are not here, though their rows are handed out.

        Those that are here get back the places in which somebody looks for them.
        """
        found: list[int] = []
        for chunk in batched(rows, CHUNK):
            arguments: list[Argument] = []
            for row in chunk:
                arguments += (write_seq(row.seq), row.worker_id or "")
            found += map(int, self._scripts.run("astray", *arguments).split())
        return found

    def known(self, after: int, limit: int) -> list[int]:
        """Return the numbers of the jobs that are here, in order, behind one of them."""
        key = self._scripts.keys.name("jobs")
        client = self._scripts.client()
        found = client.zrangebyscore(key, f"({after}", "+inf", start=0, num=limit, withscores=True)
        return [int(score) for _, score in found]

    def room(self) -> Room:
        """Return whether there is memory for more jobs; where nothing is told there is."""
        client = self._scripts.client()
        evicted = int(client.info("stats").get("evicted_keys", 0))
        memory = client.info("memory")
        most = int(memory.get("maxmemory", 0))
        return Room(not most or int(memory.get("used_memory", 0)) < most * FULL, evicted)
