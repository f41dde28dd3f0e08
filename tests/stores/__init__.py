"""Tests of the stores: one body for all of them in `contract`, what differs in files of its own."""

import pytest

pytest.register_assert_rewrite(
    "tests.stores.jobs", "tests.stores.contract", "tests.stores.contracts"
)
