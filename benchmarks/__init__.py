"""Benchmarks: `python -m benchmarks.NAME` prints its result as JSON in the last line."""
