"""What a deployed stage says about itself: `python -m infrastructure.commands.outputs --stage dev`.

Prints what `cdk deploy --outputs-file` writes, without deploying anything.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.stage.config import STAGES, ConfigError

# Operators wait for these calls, so they fail within seconds.
CALLS = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})


class CloudFormation(Protocol):
    """What is used of the client."""

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        """The stack of that name in a list; ClientError if there is none."""


def outputs_of(stage: str, client: CloudFormation) -> dict[str, str]:
    """The outputs of a stage's stack. Raises ConfigError if it is not deployed."""
    name = STAGES[stage].stack_name
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise ConfigError(
            f"no stack {name} in this account and Region ({error}); `make deploy` makes it"
        ) from None
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}


def deployed(stage: str) -> dict[str, str]:
    """The outputs, asked of AWS with the credentials at hand. Raises ConfigError."""
    try:
        return outputs_of(stage, session().client("cloudformation", config=CALLS))
    except BotoCoreError as error:
        raise ConfigError(f"cannot ask AWS: {error}") from None


def session(profile: str | None = None) -> boto3.Session:
    """AWS with the credentials at hand, in the Region that the CDK deploys to.

    The CDK takes AWS_REGION; boto3 only AWS_DEFAULT_REGION and the profile's.
    """
    # Not boto3's own session, which keeps the credentials that somebody else has found.
    return boto3.Session(region_name=os.environ.get("AWS_REGION"), profile_name=profile)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the outputs as JSON; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infrastructure.commands.outputs",
        description="Print a deployed stage's outputs.",
    )
    parser.add_argument("--stage", choices=STAGES, default="dev")
    given = parser.parse_args(arguments)
    try:
        found = deployed(given.stage)
    except ConfigError as error:
        print(f"outputs: {error}", file=sys.stderr)
        return 1
    print(json.dumps({STAGES[given.stage].stack_name: found}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
