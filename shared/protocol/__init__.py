"""The messages of the WebSocket and HTTP APIs, and the table of requests."""
