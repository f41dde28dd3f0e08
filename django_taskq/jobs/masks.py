"""Which values nobody is to read off a page: by the names that they are given under."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

# Stands in the place of a value.
MASK = "********"
USUAL = (
    "*password*", "*passwd*", "*passphrase*", "*secret*", "*token*", "*api_key*", "*apikey*",
    "*api-key*", "*private_key*", "*authorization*", "*credential*", "*cookie*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Masks:
    """Patterns of names, in which `*` stands for anything; case does not matter."""

    patterns: tuple[str, ...] = USUAL

    def hides(self, name: object) -> bool:
        """Tell whether what has this name is masked."""
        lowered = str(name).lower()
        return any(fnmatchcase(lowered, pattern.lower()) for pattern in self.patterns)

    def of(self, value: Any) -> Any:
        """Return a JSON value in which everything under a masked name is masked."""
        if isinstance(value, dict):
            return {
                name: MASK if self.hides(name) else self.of(item) for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        return value

    def of_args(self, values: list[Any], names: list[str]) -> list[Any]:
        """Return positional arguments, of whose names the last stands for all that are more."""
        padded = [*names, *names[-1:] * len(values)]
        return [
            MASK if name is not None and self.hides(name) else self.of(value)
            for value, name in zip(values, [*padded, *[None] * len(values)], strict=False)
        ]


def check_masks(value: object) -> str | None:
    """Return what is wrong with a list of patterns, or None where it can be used."""
    if not isinstance(value, list | tuple):
        return f"expected a list of patterns of names, got {value!r}"
    for pattern in value:
        if not isinstance(pattern, str) or not pattern:
            return f"expected patterns of names, got {pattern!r} among them"
    return None
