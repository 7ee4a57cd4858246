"""Every test runs without AWS: dummy credentials, and no configuration of the machine's. None is
measured: how long an example of a property takes, and how long its making, is the machine's affair.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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
_WITH_SOCKETS = ("tests/conformance/", "tests/e2e/", "tests/integration/")


class _SocketsTogether(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return "sockets" if nodeid.startswith(_WITH_SOCKETS) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Deal the tests out to the workers, those with sockets to one of them."""
    return _SocketsTogether(config, log)
