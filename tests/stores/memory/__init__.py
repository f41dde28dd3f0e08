"""Tests of the parts of the memory store."""
