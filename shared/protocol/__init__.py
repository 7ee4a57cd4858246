"""The wire: every request and server message of the WebSocket and HTTP APIs."""
