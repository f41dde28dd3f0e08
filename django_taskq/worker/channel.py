"""Short messages between a supervisor and a child, as JSON."""

import json
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

# What a supervisor tells a child.
STOP, HURRY = "stop", "hurry"
# What a child tells its supervisor: that it takes no more and may be replaced; that the worker at
# a place has seen suspects; that an operator asked for a stop; how many attempts it wrote and jobs
# it gave back.
RETIRING, SUSPECTS, ASKED, ENDED = "retiring", "suspects", "asked", "ended"
# What either hears once the other end is closed.
GONE = "gone"


class Channel:
    """One end of a socket pair. Telling never raises: the other end may have died."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self.connection = connection

    def tell(self, *message: Any) -> None:
        """Send a message."""
        with suppress(OSError):
            self.connection.send_bytes(json.dumps(message).encode())

    def hear(self) -> list[list[Any]]:
        """Return the messages that have come, without waiting; the last is GONE at the end."""
        heard: list[list[Any]] = []
        try:
            while self.connection.poll():
                heard.append(json.loads(self.connection.recv_bytes()))
        except (EOFError, OSError):
            heard.append([GONE])
        return heard

    def close(self) -> None:
        """Close this end."""
        with suppress(OSError):
            self.connection.close()
