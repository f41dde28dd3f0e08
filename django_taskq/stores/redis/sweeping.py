"""What whoever compares Redis with rows asks of Redis."""

from collections.abc import Sequence
from itertools import batched

from django_taskq.jobs.sweeps import Handed, Turn
from django_taskq.stores.redis.codec import write_seq
from django_taskq.stores.redis.scripts import Argument, Scripts

# Jobs per script.
CHUNK = 500
# Milliseconds after which another one sweeps where who did so has fallen silent.
TURN = 5000
# Milliseconds between two looks at everything.
FULL_EVERY = 300_000


class Sweeping:
    """Finds what Redis does not know, or nobody would get of it, and lists what it knows."""

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

    def find_astray(self, rows: Sequence[Handed]) -> list[int]:
        """Return the numbers of those that nobody would get, though their rows are handed out."""
        found: list[int] = []
        for chunk in batched(rows, CHUNK):
            arguments: list[Argument] = []
            for row in chunk:
                arguments += (write_seq(row.seq), row.worker_id or "")
            found += map(int, self._scripts.run("astray", *arguments))
        return found

    def known(self, after: int, limit: int) -> list[int]:
        """Return the numbers of the jobs that are here, in order, behind one of them."""
        key = self._scripts.keys.name("jobs")
        client = self._scripts.client()
        found = client.zrangebyscore(key, f"({after}", "+inf", start=0, num=limit, withscores=True)
        return [int(score) for _, score in found]

    def evicted(self) -> int:
        """Return how many keys the server has evicted since it was started."""
        return int(self._scripts.client().info("stats").get("evicted_keys", 0))
