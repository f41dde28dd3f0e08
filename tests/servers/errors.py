"""What goes wrong with the servers of a test run."""

import pytest


class ServerUnavailable(pytest.UsageError):
    """A server the tests need is not there; pytest prints the sentence without a traceback."""
