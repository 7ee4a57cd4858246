"""Offline engine for laptops and tests: works without a network, English only."""
