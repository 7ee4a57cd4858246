"""Demonstration on the local stack; see `python -m demo --help`."""
