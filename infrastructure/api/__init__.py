"""The WebSocket and HTTP APIs."""
