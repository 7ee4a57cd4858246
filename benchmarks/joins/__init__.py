"""Benchmark of joins."""
