"""The protocol without I/O: requests, events and the session state they describe."""
