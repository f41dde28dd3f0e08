"""Schedules: when their ticks are due, what becomes of each, and who looks after that."""
