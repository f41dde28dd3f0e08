"""What TASKQ["MONITORING"] says: who may look at metrics and health, and what counts as ill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django_taskq.options import Problem

SHORTEST_TOKEN = 16
LONGEST_SECONDS = 365 * 86400

type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Who may look beside staff, and the limits of health in seconds. By default nobody may."""

    tokens: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    max_age: float = 300.0
    max_stall: float = 60.0
    timeout: float = 5.0


def find_problems(given: Any) -> Iterator[Problem]:
    """Return what is wrong with the setting. No message shows a token."""
    if not isinstance(given, dict):
        yield Problem("", f"expected a dict, got {type(given).__name__}.", "Write a dict.")
        return
    for key, value in given.items():
        if key not in KEYS:
            known = ", ".join(KEYS)
            message = f"{key!r} is not a key of it."
            yield Problem(str(key), message, f"Remove it, or use one of {known}.")
            continue
        wrong = KEYS[key](value)
        if wrong is not None:
            yield Problem(key, f"{key!r}: {wrong}.", f"Correct {key}, or leave it out.")


def read_monitoring(given: dict[str, Any]) -> Monitoring:
    """Read a setting in which nothing is wrong."""
    limits = {key: float(given[key]) for key in ("max_age", "max_stall", "timeout") if key in given}
    return Monitoring(
        tokens=tuple(given.get("tokens", ())),
        networks=tuple(map(ip_network, given.get("networks", ()))),
        **limits,
    )


def _check_tokens(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return f"expected a list of tokens, got {type(value).__name__}"
    for place, token in enumerate(value, 1):
        if not isinstance(token, str):
            return f"expected text, got {type(token).__name__} as token {place}"
        if len(token) < SHORTEST_TOKEN:
            return (
                f"expected at least {SHORTEST_TOKEN} characters, got {len(token)} in token {place}"
            )
        if not (token.isascii() and token.isprintable()) or " " in token:
            return f"expected ASCII without spaces, got something else in token {place}"
    return None


def _check_networks(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return f"expected a list of networks, got {value!r}"
    for network in value:
        try:
            ip_network(network if isinstance(network, str) else str(type(network)))
        except ValueError:
            return (
                f"expected networks such as '10.0.0.0/8' or '::1', without bits beyond the mask, "
                f"got {network!r}"
            )
    return None


def _check_seconds(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0.01 <= value <= LONGEST_SECONDS):
        return f"expected seconds from 0.01 to {LONGEST_SECONDS}, got {value!r}"
    return None


KEYS: dict[str, Callable[[Any], str | None]] = {
    "tokens": _check_tokens,
    "networks": _check_networks,
    "max_age": _check_seconds,
    "max_stall": _check_seconds,
    "timeout": _check_seconds,
}
