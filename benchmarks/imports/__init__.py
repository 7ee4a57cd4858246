"""Initialization and first invocations of each function."""
