"""The demonstration and the site as their users start them, each in a directory of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def start(module: str, directory: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `python -m example_project.MODULE`; its output comes in a pipe."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO")}
    environment |= {"DESK_DIRECTORY": str(directory), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", f"example_project.{module}", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
