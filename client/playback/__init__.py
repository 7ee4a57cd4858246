"""Playback and capture: jitter buffer, latency, recording."""
