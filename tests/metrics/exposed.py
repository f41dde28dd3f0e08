"""Reading the text format as a scraper does, by its grammar and no looser."""

import re
from typing import NamedTuple

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
_SAMPLE = re.compile(rf"({_NAME})\{{((?:{_LABEL})(?:,{_LABEL})*)\}} ([0-9.e+-]+|\+Inf)")
_PAIR = re.compile(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"')
_SUFFIXES = ("_bucket", "_sum", "_count")
_UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Exposed(NamedTuple):
    """Families with their kinds, and samples by name and labels."""

    kinds: dict[str, str]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the sample with exactly these labels."""
        return self.samples.get((name, frozenset(labels.items())))


def parse(text: str) -> Exposed:
    """Read a page; refuse what the format does not allow."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    family = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            assert family not in kinds, "The samples of a family stand together."
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            kinds[name] = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            suffixes = _SUFFIXES if kinds[family] == "histogram" else ("",)
            assert name in {f"{family}{suffix}" for suffix in suffixes}
            pairs = [(label, _plain(quoted)) for label, quoted in _PAIR.findall(labels)]
            key = (name, frozenset(pairs))
            assert key not in samples, line
            samples[key] = float(value.replace("+Inf", "inf"))
    return Exposed(kinds, samples)


def _plain(quoted: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED[found.group()], quoted)
