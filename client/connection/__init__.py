"""Connections: transport, requests, reconnection, rollover and token renewal."""
