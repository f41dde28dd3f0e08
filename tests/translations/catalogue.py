"""Reading a catalogue as text, so that no test needs the tools of GNU gettext."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import django_taskq

LOCALE = Path(django_taskq.__file__).parent / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir() if path.is_dir())

_LINE = re.compile(r'(?:(?P<keyword>msg\w+)(?:\[\d+\])? )?(?P<text>".*")')


class Message(NamedTuple):
    """What the code marks: a sentence, its plural and what tells it from others like it."""

    id: str
    plural: str | None = None
    context: str | None = None


class Entry(NamedTuple):
    """A message with its translations, one for each form of number, and its flags."""

    message: Message
    translations: tuple[str, ...]
    flags: frozenset[str]


def path_of(language: str, suffix: str) -> Path:
    """Return where a catalogue of a language is, as text (`po`) or compiled (`mo`)."""
    return LOCALE / language / "LC_MESSAGES" / f"django.{suffix}"


def read(language: str) -> tuple[str, list[Entry]]:
    """Return the header of a catalogue and its entries."""
    blocks = path_of(language, "po").read_text(encoding="utf-8").split("\n\n")
    header, *entries = [_entry(block) for block in blocks if block.strip()]
    return header.translations[0], entries


def _entry(block: str) -> Entry:
    parts: list[tuple[str, str]] = []
    flags: set[str] = set()
    for line in block.splitlines():
        if line.startswith("#,"):
            flags |= {flag.strip() for flag in line[2:].split(",")}
        if line.startswith("#") or not line:
            continue
        found = _LINE.fullmatch(line)
        assert found, f"This line is none of a catalogue: {line}"
        text = ast.literal_eval(found["text"])
        if found["keyword"] is not None:
            parts.append((found["keyword"], text))
        else:
            keyword, before = parts[-1]
            parts[-1] = keyword, before + text
    named = dict(parts)
    message = Message(named["msgid"], named.get("msgid_plural"), named.get("msgctxt"))
    translations = tuple(text for keyword, text in parts if keyword == "msgstr")
    return Entry(message, translations, frozenset(flags))
