"""Prometheus' text format, version 0.0.4."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django_taskq.jobs.counts import BOUNDS, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

type Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One value of a family; `suffix` is what a histogram adds to the name."""

    labels: Labels
    value: float
    suffix: str = ""


@dataclass(slots=True)
class Family:
    """One metric with all its samples, which have to stand together."""

    name: str
    kind: str
    help: str
    samples: list[Sample] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> None:
        """Add a value."""
        self.samples.append(Sample(labels, value))

    def add_histogram(self, histogram: Histogram, **labels: str) -> None:
        """Add a histogram: its buckets count all below their bound, as Prometheus wants them."""
        passed = 0
        for bound, count in zip((*BOUNDS, float("inf")), histogram.buckets, strict=True):
            passed += count
            self.samples.append(Sample({**labels, "le": number(bound)}, passed, "_bucket"))
        self.samples.append(Sample(labels, histogram.seconds, "_sum"))
        self.samples.append(Sample(labels, passed, "_count"))


def render(families: Iterable[Family]) -> bytes:
    """Return families as text. One without samples keeps its head, so that its name is known."""
    lines = "\n".join(line for family in families for line in _lines(family))
    # A lone surrogate, say, that no encoding has a place for.
    return f"{lines}\n".encode("utf-8", "replace")


def number(value: float) -> str:
    """Return a number as the format has it."""
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for labels, value, suffix in family.samples:
        pairs = ",".join(f'{name}="{_quoted(text)}"' for name, text in labels.items())
        yield f"{family.name}{suffix}{{{pairs}}} {number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
