"""Utilities: settings, clock, identifiers, validation, rate limits and telemetry."""
