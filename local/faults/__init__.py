"""Faults of the local stack on purpose: from a file or a test, seeded and repeatable."""
