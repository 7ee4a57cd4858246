"""Entry of the CDK app: writes the CloudFormation template of one stage.

Runs by itself (`python app.py`) or under the CDK's command line, with the same result: the context
of `cdk.json` counts either way, and so does CDK_CONTEXT_JSON, which the command line fills from
its `--context` options. It looks nothing up in AWS, so it needs no credentials.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from infrastructure.compute.asset_modes import make_readable
from infrastructure.stack import LingocastStack
from infrastructure.stage.config import ConfigError
from infrastructure.stage.context import cdk_json_context, config_from

ROOT = Path(__file__).parent


def synthesize() -> None:
    """Write the cloud assembly to CDK_OUTDIR (the command line sets it), or else to `cdk.out`."""
    app = cdk.App(
        outdir=os.environ.get("CDK_OUTDIR") or str(ROOT / "cdk.out"),
        context=cdk_json_context(),
        # No resource that reports to AWS which constructs are used: it would change the template
        # with every version of the library.
        analytics_reporting=False,
        # Nobody reads them, and they take time: the tree of constructs, and where each was made.
        tree_metadata=False,
        stack_traces=False,
    )
    # The command line says where it deploys to. By itself the app knows no Region, and makes the
    # template for any: the quotas and engines of us-east-1.
    config = config_from(app.node.try_get_context, os.environ.get("CDK_DEFAULT_REGION"))
    for note in config.notes:
        sys.stderr.write(f"app.py: note: {note}\n")
    stack = LingocastStack(app, config)
    if app.node.try_get_context("nag"):
        # A check, not a part of the stack: what it needs is installed with the tests' tools.
        from infrastructure.nag import check  # noqa: PLC0415

        check(app, stack)
    make_readable(Path(app.synth().directory))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit('app.py: no options here; set CDK_CONTEXT_JSON, say to \'{"stage": "prod"}\'')
    try:
        synthesize()
    except ConfigError as error:
        sys.exit(f"app.py: {error}")
