"""What operators say of tenants and queues, as far as scripts need to know it."""

from hashlib import sha1
from typing import Any

from django_taskq.jobs.rules import Rules
from django_taskq.stores.redis.scripts import Argument, Scripts

# Seconds for which Redis keeps what nobody has asked it by.
KEPT_FOR = 86_400


class Rulings:
    """Runs scripts by what operators say, which stands in Redis under a digest of it.

    Workers that have read it at different moments go by what each of them knows, and a claim
    carries forty characters, not thousands of rows.
    """

    def __init__(self, scripts: Scripts) -> None:
        self.rules = Rules()
        self._scripts = scripts
        self._fields: dict[str, str] = {}
        self._digest = ""

    @property
    def has_limits(self) -> bool:
        """Whether operators bound or pause anything."""
        return bool(self._fields)

    @property
    def may_hand_over(self) -> bool:
        """Whether a job may go into a hand that did not ask for it."""
        return not (self._fields or self._scripts.is_guarded)

    def rule(self, rules: Rules) -> None:
        """Have what operators say hold from now on."""
        self.rules = rules
        self._fields = _fields_of(rules)
        written = repr(sorted(self._fields.items())).encode("utf-8", "surrogatepass")
        self._digest = sha1(written, usedforsecurity=False).hexdigest() if self._fields else ""

    def run(self, name: str, *arguments: Argument) -> Any:
        """Run a script that hands jobs out; its first argument tells what operators say."""
        told = self._scripts.run(name, self._digest, *arguments)
        if told == b"unruled":
            self._send()
            told = self._scripts.run(name, self._digest, *arguments)
        return told

    def _send(self) -> None:
        told = [part for field in self._fields.items() for part in field]
        self._scripts.run("rule", self._digest, KEPT_FOR, *told)


def _fields_of(rules: Rules) -> dict[str, str]:
    fields = {}
    for name, (_, cap, rate, is_paused) in rules.tenants.items():
        if cap is not None or rate is not None or is_paused:
            starts = "" if rate is None else str(rate).replace("/", "")
            fields[f"t:{name}"] = f"{'' if cap is None else cap}:{starts}:{int(is_paused)}"
    for name, (cap, is_paused) in rules.queues.items():
        if cap is not None or is_paused:
            fields[f"q:{name}"] = f"{'' if cap is None else cap}::{int(is_paused)}"
    return fields
