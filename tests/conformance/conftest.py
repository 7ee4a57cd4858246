"""Fixtures of the suite: the tested APIs, local unless CONFORMANCE_URL names a deployed one.

`make conformance` sets the variables; `make test` runs the suite without them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from tests.conformance import local_probe, report, selection
from tests.conformance.catalogue import MARK
from tests.conformance.dialects import ProbeDialect
from tests.conformance.driver import Api
from tests.conformance.http_driver import LocalHttpApi
from tests.conformance.selection import Deployed
from tests.integration.local.conftest import ServeFactory


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(row): the behaviour that a test checks")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that cannot run against the deployed API; the summary lists them."""
    deployed = selection.from_environment(os.environ)
    if deployed is None:
        return
    skip_reasons = selection.skip_reasons(items, deployed)
    items[:] = [item for item in items if item not in skip_reasons]
    config.hook.pytest_deselected(items=list(skip_reasons))
    config.stash[report.SKIPPED] = skip_reasons
    config.stash[selection.DEPLOYED] = deployed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record the result for the summary."""
    result = yield
    if call.when == "call" or not result.passed:
        report.record(item, passed=result.passed)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the summary of `make conformance`."""
    if os.environ.get("CONFORMANCE_LISTING"):
        report.write(terminalreporter)


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of the probe."""
    assembly = tmp_path_factory.mktemp("probe") / "cdk.out"
    local_probe.synthesize(assembly)
    return assembly


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Deployed]:
    """The deployed APIs, or else the probe in local stacks."""
    if (given := pytestconfig.stash.get(selection.DEPLOYED, None)) is not None:
        yield given
        return
    assembly: Path = request.getfixturevalue("assembly")
    with contextlib.ExitStack() as stacks:
        url, strict_url = (
            stacks.enter_context(local_probe.serve(assembly, stack))
            for stack in ("lingocast-conformance", "lingocast-conformance-strict")
        )
        yield Deployed(url, ProbeDialect(), strict_url)


@pytest.fixture
async def api(deployed: Deployed) -> AsyncIterator[Api]:
    """The API at the URL: the probe or a Lingocast stack."""
    api = Api(deployed.url, deployed.dialect, deployed.token)
    yield api
    await api.close()


@pytest.fixture
async def probe(api: Api) -> Api:
    """The probe; tests with this fixture run only there."""
    assert isinstance(api.dialect, ProbeDialect)
    return api


@pytest.fixture
def deployed_probe(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Api | None:
    """The deployed probe with AWS's limits, or None where a test can lower the limits."""
    if selection.DEPLOYED not in pytestconfig.stash:
        return None
    probe: Api = request.getfixturevalue("probe")
    return probe


@pytest.fixture
async def strict(deployed: Deployed) -> AsyncIterator[Api]:
    """The probe's second API, without $default and with an identity source."""
    assert deployed.strict_url is not None
    api = Api(deployed.strict_url, ProbeDialect())
    yield api
    await api.close()


@pytest.fixture
async def web() -> AsyncIterator[LocalHttpApi]:
    """An HTTP API in this process, with all kinds of route but $default."""
    api = LocalHttpApi()
    await api.start()
    yield api
    api.stop()


@pytest.fixture
async def serve() -> AsyncIterator[ServeFactory]:
    """Serves gateways in this process with the test's clock and limits."""
    factory = ServeFactory()
    yield factory
    await factory.stop()
