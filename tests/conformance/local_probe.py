"""Runs the probe in the local stack."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.base import processes
from local.launch import launch

_ROOT = Path(__file__).parents[2]
_SYNTH_TIMEOUT_SECONDS = 120


def synthesize(output: Path) -> None:
    """Synthesize `conformance/app.py` into `output`."""
    done = subprocess.run(
        [sys.executable, "-m", "conformance.app"],
        cwd=_ROOT,
        env=os.environ
        | {
            "PATH": processes.venv_path(),
            "JSII_NODE": processes.node_binary(),
            "CDK_OUTDIR": str(output),
            "CDK_VALIDATION": "false",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=_SYNTH_TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def serve(assembly: Path, stack: str) -> Iterator[str]:
    """Run a stack of the cloud assembly; yields its WebSocket URL."""
    template = assembly / f"{stack}.template.json"
    with launch(extra_args=("--template", str(template))) as endpoints:
        yield endpoints.websocket_url
