"""Read one file: its text, and the facts that can be counted in it. Knows nothing of Django."""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Longer documents, in bytes, are summarised by a job of their own.
LARGE = 64 * 1024
PYTHON = frozenset({".py", ".pyi", ".py-tpl"})
# The name under which Python knows a document while it parses it.
PARSED_AS = "document"
WORD = re.compile(r"[^\W\d_]\w*")

# The fields of a statement that hold further statements.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class UnreadableDocument(Exception):
    """The file will never be readable as what it claims to be."""


class UnsettledDocument(Exception):
    """The file changed while it was read: somebody still writes it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was counted in a document."""

    kind: str
    size: int
    sha256: str
    lines: int
    words: int
    functions: int | None = None
    classes: int | None = None


def read_bytes(path: Path) -> bytes:
    """Return the content of a file. Raise UnreadableDocument or UnsettledDocument."""
    try:
        before = path.stat()
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise UnreadableDocument(f"The file cannot be opened: {error.strerror}.") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnsettledDocument("The file changed while it was read.")
    return content


def decode(content: bytes) -> str:
    """Return the text of a file. Raise UnreadableDocument where it holds none."""
    if b"\0" in content:
        raise UnreadableDocument("The file is binary: it holds a zero byte.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument(
            f"The file is not UTF-8 text: byte {error.start} of {len(content)} cannot be decoded."
        ) from error


def examine(name: str, content: bytes) -> tuple[Facts, str]:
    """Count what is in a document; return the facts and its text. Raise UnreadableDocument."""
    text = decode(content)
    is_python = Path(name).suffix in PYTHON
    functions, classes = count_definitions(text) if is_python else (None, None)
    facts = Facts(
        kind="Python" if is_python else "text",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        lines=len(text.splitlines()),
        words=len(WORD.findall(text)),
        functions=functions,
        classes=classes,
    )
    return facts, text


def count_definitions(source: str) -> tuple[int, int]:
    """Return how many functions and classes Python source defines. Raise UnreadableDocument."""
    try:
        statements = list(_statements(ast.parse(source, filename=PARSED_AS)))
    except SyntaxError as error:
        raise UnreadableDocument(f"Not valid Python in line {error.lineno}: {error.msg}.") from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise UnreadableDocument(f"Python cannot parse the file: {error}.") from None
    functions = sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in statements)
    return functions, sum(isinstance(one, ast.ClassDef) for one in statements)


def _statements(module: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements and what holds some; not to look into expressions saves most time."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        for name in BLOCKS:
            waiting.extend(getattr(node, name, ()))
