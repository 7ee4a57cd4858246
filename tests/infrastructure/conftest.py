"""The stack, synthesized once for all tests of this folder."""

from __future__ import annotations

import pytest

from infrastructure.routes import CONTROL, HTTP_ROUTES, SESSION_STATUS, HttpRouteSpec
from tests.infrastructure.assembly import Assembly, synthesize
from tests.infrastructure.in_process import synthesize_with

# A route of each kind, and two of one function.
HTTP_FIXTURE = (
    HttpRouteSpec("POST", "/notes", CONTROL),
    HttpRouteSpec("GET", "/notes/newest", CONTROL),
    HttpRouteSpec("POST", "/hook", SESSION_STATUS, authorized=False),
)


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The default stage."""
    return synthesize(tmp_path_factory.mktemp("dev") / "cdk.out")


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The stage that keeps its data."""
    return synthesize(tmp_path_factory.mktemp("prod") / "cdk.out", stage="prod")


@pytest.fixture(scope="session")
def http_routes() -> tuple[HttpRouteSpec, ...]:
    """What the HTTP API is tested with."""
    return HTTP_ROUTES or HTTP_FIXTURE


@pytest.fixture(scope="session")
def http(
    http_routes: tuple[HttpRouteSpec, ...], tmp_path_factory: pytest.TempPathFactory
) -> Assembly:
    """The default stage with those routes."""
    return synthesize_with(tmp_path_factory.mktemp("http"), http_routes)
