"""Measurements; each runs as `python -m benchmarks.NAME` and prints JSON as its last line."""
