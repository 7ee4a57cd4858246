"""Offline engine for laptops and tests: real, but without a network, and English only."""
