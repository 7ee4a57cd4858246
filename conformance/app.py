"""The probe's CDK app: `python -m conformance.app`, alone or run by the CDK."""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk

from conformance.stack import PROBE, STRICT, ProbeStack
from infrastructure.compute.asset_modes import make_readable

_ROOT = Path(__file__).parent.parent


def synthesize() -> None:
    """Write the cloud assembly to CDK_OUTDIR, which the CDK sets, or else to `cdk.out`."""
    app = cdk.App(
        outdir=os.environ.get("CDK_OUTDIR") or str(_ROOT / "cdk.out" / "conformance"),
        analytics_reporting=False,
        tree_metadata=False,
        stack_traces=False,
    )
    for api in (PROBE, STRICT):
        ProbeStack(app, api)
    make_readable(Path(app.synth().directory))


if __name__ == "__main__":
    synthesize()
