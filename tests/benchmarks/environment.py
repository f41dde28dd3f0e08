"""The environment all peers share, made once from the pinned list beside this file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".bench"
VENV = HOME / "venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("peers.txt")
STAMP = VENV / "peers.sha256"


class UnusableEnvironment(Exception):
    """The environment of the peers could not be made."""


def ready() -> bool:
    """Tell whether the environment stands and holds what the list says now."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _fingerprint()


def make(say: Callable[[str], None]) -> None:
    """Make the environment; a package that cannot be had is named and left out."""
    shutil.rmtree(VENV, ignore_errors=True)
    HOME.mkdir(exist_ok=True)
    say("Making the environment of the peers in .bench/venv, once.")
    _create()
    if not _install(["-r", str(REQUIREMENTS)]):
        _install_one_by_one(say)
    STAMP.write_text(_fingerprint())


def versions(distributions: list[str]) -> dict[str, str]:
    """Return the versions of Python, SQLite and these packages in the environment."""
    code = (
        "import json, sqlite3, sys; from importlib.metadata import distributions as all_;"
        "has = {each.name.lower(): each.version for each in all_()};"
        "wanted = {name: has.get(name, 'missing') for name in sys.argv[1:]};"
        "own = {'Python': sys.version.split()[0], 'SQLite': sqlite3.sqlite_version};"
        "print(json.dumps(own | wanted))"
    )
    command = [str(PYTHON), "-c", code, *distributions]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, str] = json.loads(asked.stdout)
    return answer


def _fingerprint() -> str:
    return sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()


def _create() -> None:
    """Use the standard library, or uv where Debian has left out ensurepip."""
    if _run([sys.executable, "-m", "venv", str(VENV)]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not _run(["uv", "venv", "--seed", "--python", sys.executable, str(VENV)]):
        raise UnusableEnvironment(
            "Neither `python -m venv` nor `uv venv` works here: install python3-venv or uv."
        )


def _install(arguments: list[str]) -> bool:
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    return _run([str(PYTHON), "-m", "pip", "install", *options, *arguments])


def _install_one_by_one(say: Callable[[str], None]) -> None:
    for line in REQUIREMENTS.read_text().splitlines():
        if line and not line.startswith("#") and not _install(["--no-deps", line]):
            say(f"{line} could not be installed here; what needs it is not measured.")


def _run(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
