"""What the code and the templates mark for translation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

import django_taskq
from tests.translations.catalogue import Message

PACKAGE = Path(django_taskq.__file__).parent

# The places of the context, the sentence and the plural among the arguments.
_PLACES: dict[str, tuple[int | None, int, int | None]] = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_CALL = re.compile(r"\b(?:_|n?p?gettext)\(")


def in_package() -> dict[Message, str]:
    """Return every message of the package, with a file that has it."""
    found: dict[Message, str] = {}
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix == ".py":
            messages = in_python(path.read_text(encoding="utf-8"))
        elif path.suffix == ".html":
            messages = in_template(path.read_text(encoding="utf-8"))
        else:
            continue
        found |= dict.fromkeys(messages, str(path.relative_to(PACKAGE)))
    return found


def in_python(source: str) -> Iterator[Message]:
    """Find the calls that translate; one whose argument is a variable marks nothing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from _of_call(node)


def in_template(source: str) -> Iterator[Message]:
    """Find what a template marks, by Django's own reading of it."""
    text = templatize(source)
    for found in _CALL.finditer(text):
        yield from _of_call(_call_at(text, found.start()))


def _of_call(call: ast.Call) -> Iterator[Message]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    places = _PLACES.get(name.removesuffix("_lazy").removesuffix("_noop"))
    if places is None or not call.args:
        return
    context, id, plural = (None if at is None else call.args[at] for at in places)
    if any(isinstance(part, ast.JoinedStr) for part in (context, id, plural)):
        raise AssertionError(
            f"A sentence is put together before it is translated: {ast.dump(call)}"
        )
    if isinstance(id, ast.Constant):
        yield Message(id.value, _text(plural), _text(context))


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.literal_eval(node)


def _call_at(text: str, start: int) -> ast.Call:
    """Read the call that begins here: to the first closing bracket that makes it whole."""
    end = start
    while (end := text.find(")", end)) >= 0:
        end += 1
        try:
            node = ast.parse(text[start:end], mode="eval").body
        except SyntaxError:
            continue
        assert isinstance(node, ast.Call)
        return node
    raise AssertionError(f"No call ends behind {text[start : start + 80]!r}.")
