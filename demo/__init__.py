"""The demonstration: `python -m demo`."""
