"""Which results a pipeline's job gets as its first argument, told by a header that it carries.

A header names nodes of the job's own run by number ("0-2,7"), jobs of other runs by their ids; a
star marks a step that was mapped, whose value is the list of its items' results.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django_taskq.jobs import payload
from django_taskq.jobs.ids import derived_id

HEADER = "taskq-inputs"
_QUOTED = f'"{HEADER}"'
_MAPPED = "*"
# More than any pipeline has; a row that says so was not written by us.
MOST_SOURCES = 1_000_000


class Input(NamedTuple):
    """A job whose result is part of another one's first argument."""

    id: str
    is_mapped: bool = False


class Source(NamedTuple):
    """A node of a run as an input: its number, or the id of a job in another run."""

    place: int | str
    is_mapped: bool = False


def with_inputs(trace: str | None, sources: Sequence[Source]) -> str | None:
    """Return a job's headers with the one that names its inputs."""
    if not sources:
        return trace
    headers = {} if trace is None else payload.decode(trace)
    return payload.encode({**headers, HEADER: ",".join(_tokens(sources))}, "the headers")


def sources_of(trace: str | None) -> list[Source] | None:
    """Return the inputs that headers name, None where they name none, or cannot be read."""
    if trace is None or _QUOTED not in trace:
        return None
    try:
        told = payload.decode(trace)[HEADER]
        return [source for token in told.split(",") for source in _read(token)]
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def inputs_of(trace: str | None, run_id: str | None) -> list[Input] | None:
    """Return the jobs whose results a job is to be given, None where it gets nothing."""
    sources = sources_of(trace)
    if sources is None or run_id is None:
        return None
    return [
        Input(derived_id(run_id, place) if isinstance(place, int) else place, is_mapped)
        for place, is_mapped in sources
    ]


def item_ids(id: str, count: int) -> list[str]:
    """Return the ids of the jobs into which a mapped one has grown, in the order of its items."""
    return [derived_id(id, index) for index in range(min(count, MOST_SOURCES))]


def prepend(args: str, value: str) -> str:
    """Return arguments with one more in front; all of it is JSON text."""
    return f"[{value}]" if args == "[]" else f"[{value},{args[1:]}"


def value_of(results: Sequence[str | None], *, is_single: bool) -> str:
    """Return as JSON the one result, or the list of all; what has none counts as null."""
    written = ["null" if result is None else result for result in results]
    return written[0] if is_single else f"[{','.join(written)}]"


def _tokens(sources: Iterable[Source]) -> Iterator[str]:
    """Write sources, with one token for neighbours."""
    first: int | None = None
    last = 0
    for place, is_mapped in sources:
        if isinstance(place, int) and not is_mapped:
            if first is not None and place == last + 1:
                last = place
                continue
            if first is not None:
                yield _range(first, last)
            first = last = place
            continue
        if first is not None:
            yield _range(first, last)
            first = None
        yield f"{place}{_MAPPED if is_mapped else ''}"
    if first is not None:
        yield _range(first, last)


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _read(token: str) -> Iterator[Source]:
    name = token.removesuffix(_MAPPED)
    is_mapped = name != token
    if name.isdecimal():
        yield Source(int(name), is_mapped)
        return
    first, _, last = name.partition("-")
    if first.isdecimal() and last.isdecimal():
        if int(last) - int(first) > MOST_SOURCES:
            raise ValueError(f"Expected at most {MOST_SOURCES} inputs, got {token}.")
        for number in range(int(first), int(last) + 1):
            yield Source(number)
    else:
        yield Source(name, is_mapped)
