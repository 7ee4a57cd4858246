"""Fixtures of the suite: the APIs to ask, local ones unless CONFORMANCE_URL names a deployed one.

`make conformance` sets the variables; the suite is part of `make test` without them.
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
from tests.conformance.http_driver import WebApi
from tests.conformance.selection import Deployed
from tests.integration.local.conftest import ServeFactory


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(row): the behaviour that a test is about")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be run against the deployed API; the summary lists it."""
    deployed = selection.from_environment(os.environ)
    if deployed is None:
        return
    left_out = selection.left_out(items, deployed)
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    config.stash[report.LEFT_OUT] = left_out
    config.stash[selection.DEPLOYED] = deployed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember the outcome for the listing."""
    result = yield
    if call.when == "call" or not result.passed:
        report.remember(item, passed=result.passed)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The listing of `make conformance`."""
    if os.environ.get("CONFORMANCE_LISTING"):
        report.write(terminalreporter)


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe's templates, as its CDK app writes them."""
    assembly = tmp_path_factory.mktemp("probe") / "cdk.out"
    local_probe.synthesize(assembly)
    return assembly


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Deployed]:
    """The deployed APIs; without any, the probe on this machine."""
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
    """The probe or, if the address is that of one, a Lingocast stack."""
    api = Api(deployed.url, deployed.dialect, deployed.token)
    yield api
    await api.close()


@pytest.fixture
async def probe(api: Api) -> Api:
    """The probe; tests that use it run nowhere else."""
    assert isinstance(api.dialect, ProbeDialect)
    return api


@pytest.fixture
def unhurried(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Api | None:
    """A deployed probe, whose limits are those of AWS; None where a test can lower them."""
    if selection.DEPLOYED not in pytestconfig.stash:
        return None
    probe: Api = request.getfixturevalue("probe")
    return probe


@pytest.fixture
async def strict(deployed: Deployed) -> AsyncIterator[Api]:
    """The probe without $default, where the authorizer has an identity source."""
    assert deployed.strict_url is not None
    api = Api(deployed.strict_url, ProbeDialect())
    yield api
    await api.close()


@pytest.fixture
async def web() -> AsyncIterator[WebApi]:
    """An HTTP API in this process, with routes of each kind but $default."""
    api = WebApi()
    await api.start()
    yield api
    api.stop()


@pytest.fixture
async def serve() -> AsyncIterator[ServeFactory]:
    """Serves gateways in this process, with a clock and limits of the test's."""
    factory = ServeFactory()
    yield factory
    await factory.stop()
