"""How a process ended is told in words."""

import pytest

from django_taskq.worker.deaths import describe_exit


@pytest.mark.parametrize(
    ("exitcode", "told"),
    [
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-99, "was killed by signal 99 (unknown)"),
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (None, "is gone"),
    ],
)
def test_an_exit_code_completes_a_sentence(exitcode: int | None, told: str) -> None:
    assert describe_exit(exitcode) == told
