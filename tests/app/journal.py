"""What tasks wrote down, in order, for the test to read; they may run in other processes."""

import json
import os

from tests.app.gates import shared_file


def write(page: str, entry: str) -> None:
    """Add an entry to a page."""
    line = json.dumps(entry).encode() + b"\n"
    file = os.open(shared_file("journal", page), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read(page: str) -> list[str]:
    """Return the entries of a page in the order they were written."""
    file = shared_file("journal", page)
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]
