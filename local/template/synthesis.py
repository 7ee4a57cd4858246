"""Synthesizes the template of a stage by running the CDK app."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from local.base import processes
from local.base.aws_settings import without_aws_settings
from local.base.errors import SynthesisError

ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT_SECONDS = 120.0
_PROJECT = "lingocast"


async def synthesize(
    outdir: Path,
    stage: str,
    app: Path = ROOT / "app.py",
    settings: Mapping[str, str] | None = None,
) -> Path:
    """Write the cloud assembly to `outdir` and return the stage's template. Raises SynthesisError.

    `settings`, by environment name, override the stage's function settings. Dependencies are not
    bundled into a layer: the functions run in this virtual environment.
    """
    context = {
        "stage": stage,
        "settings": dict(settings or {}),
        "aws:cdk:bundling-stacks": [],
    }
    environment = without_aws_settings(os.environ) | {
        "PATH": processes.venv_path(),
        # jsii starts this Node; the one in PATH is a wrapper that costs half a second.
        "JSII_NODE": processes.node_binary(),
        "CDK_OUTDIR": str(outdir),
        "CDK_VALIDATION": "false",
        "CDK_CONTEXT_JSON": json.dumps(context),
    }
    process = await processes.spawn(
        (sys.executable, str(app)),
        environment=environment,
        cwd=app.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_SECONDS)
    except TimeoutError:
        raise SynthesisError(f"{app.name} did not finish within {_TIMEOUT_SECONDS:g} s") from None
    finally:
        await processes.kill(process)
    if process.returncode != 0:
        tail = "\n".join(output.decode(errors="replace").splitlines()[-20:])
        raise SynthesisError(f"{app.name} failed with status {process.returncode}:\n{tail}")
    template = outdir / f"{_PROJECT}-{stage}.template.json"
    if not template.exists():
        raise SynthesisError(f"{app.name} wrote no {template.name} to {outdir}")
    _remove_stale_assets(outdir, template)
    return template


def _remove_stale_assets(outdir: Path, template: Path) -> None:
    """Delete the asset folders of earlier versions of the code."""
    manifest = template.with_name(template.name.replace(".template.", ".assets."))
    current = {
        item["source"]["path"] for item in json.loads(manifest.read_text())["files"].values()
    }
    for asset in outdir.glob("asset.*"):
        if asset.name not in current:
            shutil.rmtree(asset, ignore_errors=True)
