"""No test of the command line reads or writes what its developer has configured."""

from tests.unit.client.conftest import config_home

__all__ = ["config_home"]
