import os
from pathlib import Path
from typing import Any

import pytest

from example_project.desk.reading import UnreadableDocument, UnsettledDocument, examine, read_bytes


def test_counts_lines_and_words_of_a_text() -> None:
    facts, text = examine("notes.txt", "Zwölf Boxkämpfer\njagen 12 Viktor\n".encode())
    assert (facts.kind, facts.lines, facts.words, facts.functions) == ("text", 2, 4, None)
    assert text.startswith("Zwölf")


def test_counts_definitions_at_every_depth() -> None:
    source = b"""
class One:
    def a(self):
        try:
            def b(): ...
        except ValueError:
            async def c(): ...
        finally:
            class Two: ...
match 1:
    case 1:
        def d(): ...
value = lambda: 1
"""
    facts, _ = examine("module.py", source)
    assert (facts.kind, facts.functions, facts.classes) == ("Python", 4, 2)


def test_an_empty_file_is_a_document() -> None:
    facts, text = examine("__init__.py", b"")
    assert (facts.lines, facts.words, facts.functions, text) == (0, 0, 0, "")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("image.png", b"\x89PNG\r\n\0", "binary"),
        ("latin.txt", "Zwölf".encode("latin-1"), "byte 2 of 5"),
        ("broken.py", b"def (:\n", "Not valid Python in line 1"),
        ("deep.py", b"(" * 100_000, "Python"),
    ],
)
def test_says_why_a_file_cannot_be_read(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        examine(name, content)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="cannot be opened"):
        read_bytes(tmp_path / "gone.txt")


def test_notices_that_a_file_is_still_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing.txt"
    path.write_text("one")
    plain_read = Path.read_bytes

    def read_while_it_grows(self: Path) -> Any:
        content = plain_read(self)
        with path.open("a") as file:
            file.write("two")
            os.fsync(file.fileno())
        return content

    monkeypatch.setattr(Path, "read_bytes", read_while_it_grows)
    with pytest.raises(UnsettledDocument):
        read_bytes(path)
