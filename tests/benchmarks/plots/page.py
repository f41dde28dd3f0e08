"""The parts of a page that are measured, between marks that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


class NoSuchPart(Exception):
    """The page has no place for what was measured."""


def put(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace the part of this name, from `<!-- begin NAME -->` to `<!-- end NAME -->`."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text = "\n".join([begin, "", *lines, "", end])
    changed, count = pattern.subn(lambda _: text, page.read_text())
    if count != 1:
        raise NoSuchPart(f"{page.name}: expected {begin} and {end} once, found them {count} times.")
    page.write_text(changed)
