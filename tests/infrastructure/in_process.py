"""Synthesis in the test process, with other HTTP routes than those of the table."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk

from infrastructure.catalogue.http_routes import HttpRouteSpec
from infrastructure.stack import LingocastStack
from infrastructure.stage.context import config_from
from tests.infrastructure.assembly import NO_BUNDLING, Assembly


def synthesize_with(output: Path, http_routes: tuple[HttpRouteSpec, ...]) -> Assembly:
    """Synthesize the default stage with these HTTP routes. Without routes it has no HTTP API."""
    app = cdk.App(
        outdir=str(output),
        context=dict(NO_BUNDLING),
        analytics_reporting=False,
        tree_metadata=False,
    )
    LingocastStack(app, config_from({"stage": "dev"}.get), http_routes)
    app.synth()
    return Assembly(output, "dev")
