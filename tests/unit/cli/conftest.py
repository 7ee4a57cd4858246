"""Isolates tests of the command line from the developer's configuration."""

from tests.unit.client.conftest import config_home

__all__ = ["config_home"]
