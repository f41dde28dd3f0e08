"""Names in order, many of which come and go."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

CHUNK = 512


class Names:
    """A sorted set of names in short lists, so that 100,000 of them take one more in no time.

    Sorted by code point, which is the order of bytes in all columns. Not to be changed while
    somebody walks around it.
    """

    __slots__ = ("_chunks", "_lasts")

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = sorted(names)
        self._chunks = [given[at : at + CHUNK] for at in range(0, len(given), CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]

    def add(self, name: str) -> None:
        """Take in a name that is not there."""
        chunks, lasts = self._chunks, self._lasts
        if not chunks:
            chunks.append([name])
            lasts.append(name)
            return
        place = min(bisect_left(lasts, name), len(lasts) - 1)
        chunk = chunks[place]
        insort(chunk, name)
        lasts[place] = chunk[-1]
        if len(chunk) > 2 * CHUNK:
            chunks.insert(place + 1, chunk[CHUNK:])
            del chunk[CHUNK:]
            lasts[place : place + 1] = [chunk[-1], chunks[place + 1][-1]]

    def remove(self, name: str) -> None:
        """Take out a name that is there."""
        place = bisect_left(self._lasts, name)
        chunk = self._chunks[place]
        del chunk[bisect_left(chunk, name)]
        if chunk:
            self._lasts[place] = chunk[-1]
        else:
            del self._chunks[place], self._lasts[place]

    def behind(self, name: str) -> Iterator[str]:
        """Walk once around: what comes behind a name, then from the first to the name itself."""
        chunks = self._chunks
        place = bisect_right(self._lasts, name)
        if place == len(chunks):
            for chunk in chunks:
                yield from chunk
            return
        split = bisect_right(chunks[place], name)
        yield from chunks[place][split:]
        for chunk in chunks[place + 1 :]:
            yield from chunk
        for chunk in chunks[:place]:
            yield from chunk
        yield from chunks[place][:split]
