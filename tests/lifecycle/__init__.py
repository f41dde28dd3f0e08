"""The promises of django_taskq, proved with real processes that are started, stopped and killed.

A file here is one promise. The processes write what they do into a journal outside of the
system, and `ledger` joins it with the tables at the end: what was lost, ran without having been
committed, was accepted twice, or is stuck.
"""
