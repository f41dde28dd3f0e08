"""The pictures of the guide are shown, small, and described for who does not see them."""

import re
from pathlib import Path

import pytest

from tests.browser.screenshots import MOST_BYTES, PLACE, SHOTS
from tests.docs.pages import everything

SHOWN = re.compile(r"!\[([^\]]*)\]\((?:docs/|\.\./)?screenshots/([a-z-]+\.png)\)")


def test_every_picture_is_taken_by_the_command_and_shown() -> None:
    taken = {f"{shot.name}.png" for shot in SHOTS}
    assert {path.name for path in PLACE.glob("*")} == taken
    assert {name for _, name in SHOWN.findall(everything())} == taken


def test_every_picture_says_in_words_what_it_shows() -> None:
    for words, name in SHOWN.findall(everything()):
        assert len(words.split()) >= 4, name


@pytest.mark.parametrize("path", sorted(PLACE.glob("*")), ids=lambda path: path.name)
def test_a_picture_is_small(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
