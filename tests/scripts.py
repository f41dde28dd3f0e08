"""Scripts that tests run in a Python process of their own."""

import subprocess
import sys
from textwrap import dedent
from time import perf_counter
from typing import NamedTuple

from tests.servers import environment_for_children


class Ran(NamedTuple):
    """What a script printed, and how many seconds it took."""

    output: str
    errors: str
    seconds: float


def run_script(source: str, *args: str, timeout: float = 60.0, uses_databases: bool = True) -> Ran:
    """Run a script to its end; fail with what it wrote to stderr unless its status is 0.

    With `uses_databases` it finds the settings and databases of this test, else no settings.
    """
    environment = environment_for_children()
    if not uses_databases:
        del environment["DJANGO_SETTINGS_MODULE"]
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", dedent(source), *args],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    seconds = perf_counter() - started
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return Ran(done.stdout.strip(), done.stderr, seconds)
