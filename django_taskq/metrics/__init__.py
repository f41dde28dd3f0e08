"""Metrics of the backends in Prometheus' text format."""
