"""The catalogues are whole: every sentence that the code marks has its translation."""

import gettext
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.utils import translation

from tests.translations import marked
from tests.translations.catalogue import LANGUAGES, LOCALE, Message, path_of, read

ROOT = LOCALE.parent.parent
PLACEHOLDER = re.compile(r"%%|%\(\w+\)[a-z]|\{\w*\}")
# What the package marks has to be found; fewer would mean that the search is lost.
LEAST_MESSAGES = 500

every_language = pytest.mark.parametrize("language", LANGUAGES)


def test_german_is_among_the_languages() -> None:
    assert "de" in LANGUAGES


@every_language
def test_each_sentence_that_is_marked_is_in_the_catalogue_and_no_other(language: str) -> None:
    marked_messages = marked.in_package()
    _, entries = read(language)
    known = {entry.message for entry in entries}
    assert len(known) == len(entries) >= LEAST_MESSAGES
    missing = {message: path for message, path in marked_messages.items() if message not in known}
    assert not missing, "`make messages` adds these."
    assert not known - marked_messages.keys(), "`make messages` removes these."


@every_language
def test_no_entry_is_empty_or_a_guess(language: str) -> None:
    header, entries = read(language)
    forms = int(re.search(r"nplurals=(\d)", header)[1])  # type: ignore[index]
    assert f"Language: {language}\n" in header
    for entry in entries:
        assert "fuzzy" not in entry.flags, entry
        assert len(entry.translations) == (1 if entry.message.plural is None else forms), entry
        assert all(text.strip() for text in entry.translations), entry


@every_language
def test_placeholders_and_outer_blanks_are_those_of_the_sentence(language: str) -> None:
    for message, translations, _ in read(language)[1]:
        for text in translations:
            assert _placeholders(text) == _placeholders(message.id), message
            assert _outer_blanks(text) == _outer_blanks(message.id), message


@every_language
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with path_of(language, "mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    header, entries = read(language)
    # The compiler leaves out when the sentences were looked for.
    catalogue = {"": re.sub(r"POT-Creation-Date: .*\n", "", header)}
    for message, translations, _ in entries:
        id = message.id if message.context is None else f"{message.context}\x04{message.id}"
        if message.plural is None:
            catalogue[id] = translations[0]
        else:
            for form, text in enumerate(translations):
                catalogue[id, form] = text  # type: ignore[index]
    assert compiled._catalog == catalogue  # type: ignore[attr-defined]


def test_django_finds_the_catalogue() -> None:
    with translation.override("de"):
        assert translation.gettext("Nothing is wrong.") == "Alles in Ordnung."
        assert translation.ngettext("%(count)d queue now paused.", "", 1).startswith("%(count)d W")


def test_german_quotes_are_german() -> None:
    for _, translations, _ in read("de")[1]:
        for text in translations:
            assert text.count("„") == text.count("“"), text
            assert "”" not in text, text


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        ('_("a b")', [Message("a b")]),
        ('gettext_lazy("a" "b")', [Message("ab")]),
        ('translation.ngettext("one", "many", 2) % {}', [Message("one", "many")]),
        ('pgettext_lazy("of", "a")', [Message("a", None, "of")]),
        ('npgettext("of", "one", "many", count)', [Message("one", "many", "of")]),
        ("gettext(self.text)", []),
        ('print("a")', []),
    ],
)
def test_calls_that_mark_are_found(source: str, messages: list[Message]) -> None:
    assert list(marked.in_python(source)) == messages


def test_a_sentence_that_is_put_together_before_it_is_translated_is_refused() -> None:
    with pytest.raises(AssertionError, match="put together"):
        list(marked.in_python('_(f"{count} jobs")'))


def test_what_a_template_marks_is_found() -> None:
    source = (
        '{% load i18n %}{% translate "Now (all)" %}{% blocktranslate count n=n %}{{ n }} job'
        "{% plural %}{{ n }} jobs{% endblocktranslate %}"
    )
    found = [Message("Now (all)"), Message("%(n)s job", "%(n)s jobs")]
    assert list(marked.in_template(source)) == found


def test_without_gettext_make_messages_says_what_is_missing(tmp_path: Path) -> None:
    script = ROOT / ".ci/messages.sh"
    shell = shutil.which("sh")
    assert shell is not None
    done = subprocess.run(
        [shell, str(script), "python"], env={"PATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "make messages needs GNU gettext, and xgettext is missing" in done.stderr


def _placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def _outer_blanks(text: str) -> tuple[int, int]:
    return len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
