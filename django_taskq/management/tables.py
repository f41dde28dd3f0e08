"""Text for terminals: what users stored can neither move the cursor nor hide another line."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

LONGEST_CELL = 60
_GAP = "  "


def clean(text: str) -> str:
    """Return one line in which everything that does not print is written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def clean_lines(text: str) -> str:
    """Return text of several lines, each of them clean."""
    return "\n".join(clean(line) for line in text.expandtabs(4).split("\n"))


def shown(value: Any) -> str:
    """Return a value as people read it: a dash for nothing, times without microseconds."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case timedelta():
            return f"{value.total_seconds():.3g} s"
        case list() | tuple():
            return ", ".join(clean(str(item)) for item in value) or "-"
    return clean(str(value))


def size(bytes: int | None) -> str | None:
    """Return a size in memory as people read it."""
    return None if bytes is None else f"{bytes / 1_000_000:.0f} MB"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Set rows under a header in columns; long cells are cut with three dots."""
    lines = [[title.upper() for title in header]]
    lines.extend([_cut(shown(value)) for value in row] for row in rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """Set names and values one under the other."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{shown(value)}" for name, value in listed)


def as_json(value: Any) -> str:
    """Return a value as JSON in plain ASCII; times in ISO 8601, durations in seconds."""
    try:
        return json.dumps(value, indent=2, default=_plain)
    except RecursionError:
        # Only the encoder that breaks lines runs out of stack over what could be decoded.
        return json.dumps(value, default=_plain)


def compact(value: Any) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value, default=_plain)


def encodable(text: str, encoding: str | None) -> str:
    """Return the text with escapes for what an output's encoding has no character for."""
    known = encoding or "utf-8"
    return text.encode(known, "backslashreplace").decode(known)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"Expected a value that JSON can carry, got {type(value)}.")
