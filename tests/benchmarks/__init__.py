"""Measure django_taskq beside other task queues: ``python -m tests.benchmarks --help``.

The same for everybody: one PostgreSQL with its default durability, or SQLite files in WAL mode;
one producer process and one worker process, each peer with its default options save where its
file says otherwise; Django's connections kept open; logging at WARNING; a job that notes when
it started, and returns 1 so that there is a result to store. Every step has a fresh copy of a
database with the peer's tables. Peers take turns, repeats are told apart, medians compared.

What could not be measured is named with its reason; no figure stands for it.
"""
