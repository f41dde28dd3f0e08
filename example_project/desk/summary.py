"""Say in a line what a text is about: the words it uses most."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import batched

from example_project.desk.reading import WORD

SHORTEST = 4
MENTIONED = 6
PORTION = 1000
# Words that say nothing about a text, and those that every Python file has.
COMMON_WORDS = """
    about after also been before class does else error false from have import into msgid msgstr
    must name none only other pass raise return self should such than that their them then there
    these they this true type used using value when where which will with would your
"""
COMMON = frozenset(COMMON_WORDS.split())


def word_counts(text: str) -> Counter[str]:
    """Count the words that may be worth mentioning."""
    counts = Counter(WORD.findall(text.lower()))
    return Counter(
        {
            word: count
            for word, count in counts.items()
            if len(word) >= SHORTEST and word not in COMMON
        }
    )


def portions(text: str) -> Iterator[tuple[int, str]]:
    """Split a text into portions of lines; with each goes the number of lines up to its end."""
    done = 0
    for lines in batched(text.splitlines(keepends=True), PORTION):
        done += len(lines)
        yield done, "".join(lines)


def top_words(counts: Counter[str], number: int = MENTIONED) -> list[tuple[str, int]]:
    """Return the most frequent words; those of the same count in the order of the alphabet."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]


def sentence(words: Iterable[tuple[str, int]]) -> str:
    """Write counted words down as a line."""
    return ", ".join(f"{word} ({count})" for word, count in words)
