"""Tests run without AWS and without the machine's configuration, on all cores.

Credentials are dummies. Tests that run real stacks and sockets wait more than they compute. Two
groups of them run at the same time; the other tests fill the gaps, at a lower priority.
"""

from __future__ import annotations

import os

import psutil
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.helpers import depth

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
depth.load_profile()

# Groups of tests with stacks and sockets, of about the same duration. Each runs on one worker, one
# test at a time: more of them would disturb real time. The first folder that matches counts.
_GROUPS = {
    "tests/conformance/": "sockets 1",
    "tests/integration/": "sockets 1",
    "tests/e2e/audio/": "sockets 1",
    "tests/e2e/operations/": "sockets 1",
    "tests/e2e/": "sockets 2",
}

_LOW_PRIORITY = 10
_STARTED = pytest.StashKey[bool]()


def group_of(nodeid: str) -> str | None:
    """The group of a test; None for those that only compute."""
    return next((group for folder, group in _GROUPS.items() if nodeid.startswith(folder)), None)


class _GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Sends a group, or else a file, to one worker. Larger ones go first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _GroupScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores, because the groups mostly wait."""
    return (psutil.cpu_count() or 1) + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lower the priority of a worker that starts without a group: groups keep real time."""
    if item.config.stash.setdefault(_STARTED, False):
        return
    item.config.stash[_STARTED] = True
    if "PYTEST_XDIST_WORKER" in os.environ and group_of(item.nodeid) is None:
        os.nice(_LOW_PRIORITY)
