"""Command line of Lingocast; see `python -m cli --help`."""
