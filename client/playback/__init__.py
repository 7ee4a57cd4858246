"""Playback and capture: jitter buffer, latency and recording."""
