"""Every test runs without AWS: dummy credentials, and no configuration of the machine's. None is
measured: how long an example of a property takes, and how long its making, is the machine's affair.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_", "CDK_DEFAULT_"))]:
    del os.environ[name]
os.environ.update(
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_METRICS_NAMESPACE="Lingocast",
    POWERTOOLS_SERVICE_NAME="test",
)

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# What runs real stacks and sockets: one test at a time, on the same worker of pytest-xdist, while
# the others go on with the rest.
_WITH_SOCKETS = tuple(
    Path(__file__).parent / name for name in ("conformance", "e2e", "integration")
)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests with sockets together."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _WITH_SOCKETS):
            item.add_marker(pytest.mark.xdist_group("sockets"))
