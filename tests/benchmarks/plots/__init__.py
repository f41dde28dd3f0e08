"""What was measured, drawn and written into the guide: ``python -m tests.benchmarks.plots``."""
