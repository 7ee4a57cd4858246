"""The protocol without any I/O: requests, events, and the state they describe."""
