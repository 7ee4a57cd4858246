"""Tests; a package, so that helpers import as `tests.helpers.…` whatever else is installed."""
