"""A module of middlewares that is never to be imported by a test that does not name it."""

raise RuntimeError("This module cannot be imported.")
