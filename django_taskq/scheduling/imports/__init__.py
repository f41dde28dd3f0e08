"""Schedules of other packages, read from their tables where they are installed."""
