"""What the loops of a worker say of an error."""

import pytest
from django.db import OperationalError

from django_taskq.worker.loop import told


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("refused\n\tIs the server running?\n", "OperationalError: refused Is the server running?"),
        ("", "OperationalError: no message"),
    ],
)
def test_an_error_of_several_lines_is_one_line_of_a_log(text: str, line: str) -> None:
    assert told(OperationalError(text)) == line
