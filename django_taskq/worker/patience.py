"""How late a worker's rated jobs start, and how much later it asks to be allowed to."""

# Seconds: what a first late start asks for, below which nothing is asked for, and the most.
FIRST = 0.005
LEAST = 0.001
MOST = 10.0
# A late start doubles it, one in time takes a twentieth off.
GROWTH = 2.0
DECAY = 0.95


class Patience:
    """Learns from rated starts by how much longer than usual one takes on this host.

    A rate counts a start for a moment, and one that comes later is given back and counted anew.
    On a host so busy that all come late, none would ever start. Used by any thread: of two
    lessons at once one may be lost.
    """

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """By how many seconds a start should be allowed to come later."""
        return self._seconds

    def learn(self, is_late: bool) -> None:
        """Take note of a start that a rate had counted, and whether it came too late."""
        if is_late:
            self._seconds = min(MOST, max(FIRST, self._seconds * GROWTH))
        else:
            lesser = self._seconds * DECAY
            self._seconds = lesser if lesser >= LEAST else 0.0
