"""Shared test helpers: fakes that pass the contract tests of the real classes, small servers."""
