"""Soak test: a session with faults for half an hour; see `benchmarks.soak.__main__`."""
