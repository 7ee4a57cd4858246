"""Tokens: sources, cache, files and lifetimes."""
