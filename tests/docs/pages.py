"""The guide as tests read it: sections, first columns of tables, code blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs"
README = ROOT / "README.md"

_CODE = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")


def page(name: str) -> str:
    """Return the text of a page of the guide."""
    return (GUIDE / f"{name}.md").read_text()


def everything() -> str:
    """Return the text of the whole guide and the README."""
    return "\n".join(path.read_text() for path in [README, *sorted(GUIDE.rglob("*.md"))])


def sections(text: str) -> dict[str, str]:
    """Return what stands under each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_column(text: str) -> Iterator[str]:
    """Return what is in backticks in the first column of the tables of a text."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield from _QUOTED.findall(line.split(" | ")[0])


def code(text: str) -> str:
    """Return what stands in code blocks and in backticks."""
    return "\n".join(
        [*(block for _, block in code_blocks(text)), *_QUOTED.findall(_CODE.sub("", text))]
    )


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Return the language and the text of each code block, in their order."""
    return _CODE.findall(text)
