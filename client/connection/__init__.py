"""Connections: transport, requests, reconnection and roll-over."""
