"""The CDK app: writes the CloudFormation template of one stage.

Runs by itself (`python app.py`) or under the CDK's command line, with the same result. Both read
the context from `cdk.json` and from CDK_CONTEXT_JSON, which the command line fills from its
`--context` options. The app looks nothing up in AWS, so it needs no credentials.
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
    """Write the cloud assembly to CDK_OUTDIR, which the CDK's CLI sets, or to `cdk.out`."""
    app = cdk.App(
        outdir=os.environ.get("CDK_OUTDIR") or str(ROOT / "cdk.out"),
        context=cdk_json_context(),
        # The resource that reports used constructs to AWS would change the template with every
        # version of the CDK.
        analytics_reporting=False,
        # Unused, and slow to generate.
        tree_metadata=False,
        stack_traces=False,
    )
    # The CDK's command line sets the Region. Without one, the template fits any Region: it has the
    # quotas and engines of us-east-1.
    config = config_from(app.node.try_get_context, os.environ.get("CDK_DEFAULT_REGION"))
    for note in config.notes:
        sys.stderr.write(f"app.py: note: {note}\n")
    stack = LingocastStack(app, config)
    if app.node.try_get_context("nag"):
        # A check, not part of the stack: cdk-nag is installed with the tests' tools.
        from infrastructure.nag import check  # noqa: PLC0415

        check(app, stack)
    assembly = Path(app.synth().directory)
    stack.add_byte_code(assembly)
    make_readable(assembly)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(
            'app.py: takes no options; set CDK_CONTEXT_JSON, for example \'{"stage": "prod"}\''
        )
    try:
        synthesize()
    except ConfigError as error:
        sys.exit(f"app.py: {error}")
