"""The interpreter function: successive runs of a session's machine interpreter."""
