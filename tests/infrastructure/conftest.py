"""Assemblies of both stages, synthesized once per session."""

from __future__ import annotations

import pytest

from tests.infrastructure.assembly import Assembly, synthesize


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The default stage, dev."""
    return synthesize(tmp_path_factory.mktemp("dev") / "cdk.out")


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The stage prod, which keeps its data."""
    return synthesize(tmp_path_factory.mktemp("prod") / "cdk.out", stage="prod")
