"""Measure the queue on the project's own database, beside its jobs and apart from them."""
