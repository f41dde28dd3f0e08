"""The epoch that Redis is in, and how another one begins."""

from django_taskq.jobs.epochs import KeptEpoch
from django_taskq.stores.redis.scripts import Scripts

# Keys per script, and for how many of them one step of a search looks.
CHUNK = 1000
STEP = 5000
# Milliseconds after which another one may begin an epoch where its beginner has fallen silent.
PATIENCE = 5000


class RedisEpochs:
    """Looks at the epoch's key and writes it; every step is refused once it is somebody else's.

    `scripts` must not expect an epoch.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def look(self) -> KeptEpoch:
        """Return which epoch Redis is in."""
        kept, holds = self._scripts.run("reign")
        text = kept.decode()
        number, colon, server = text.partition(":")
        if not colon or not number.isdecimal():
            return KeptEpoch(text)
        return KeptEpoch(text, int(number), holds=bool(holds), has_begun=not server)

    def begin(self, number: int, seen: KeptEpoch) -> bool:
        """Have nothing handed out until this epoch is open; False where that has changed."""
        return bool(self._scripts.run("begin", number, PATIENCE, seen.text))

    def empty(self, number: int) -> bool:
        """Delete all that the alias has here, and nothing else; False where somebody overtook."""
        client, tag = self._scripts.client(), self._scripts.keys.tag
        keys: list[bytes] = []
        for key in client.scan_iter(f"{escaped(tag)}:*", count=STEP):
            keys.append(key)
            if len(keys) >= CHUNK:
                if not self._delete(number, keys):
                    return False
                keys = []
        return self._delete(number, keys)

    def open(self, number: int) -> bool:
        """Have jobs handed out in this epoch; False where it is not the one that has begun."""
        return bool(self._scripts.run("open", number, 1))

    def give_up(self, number: int) -> None:
        """Let somebody else begin an epoch at once."""
        self._scripts.run("open", number, 0)

    def _delete(self, number: int, keys: list[bytes]) -> bool:
        return bool(self._scripts.run("empty", number, PATIENCE, *keys))


def escaped(text: str) -> str:
    """Return a pattern that a key matches by this text alone."""
    return "".join(f"\\{sign}" if sign in "*?[]^\\" else sign for sign in text)
