"""Interpreting client: serves the languages that have listeners."""
