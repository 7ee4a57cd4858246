"""Prints a deployed stage's outputs.

    python -m infrastructure.commands.outputs --stage dev

The format is that of `cdk deploy --outputs-file`; nothing is deployed.
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

# Operators wait for these calls, so they fail fast.
CALLS = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})


class CloudFormation(Protocol):
    """The operations of boto3's client in use."""

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        """Return a list with the stack; raises ClientError if there is none."""


def outputs_of(stage: str, client: CloudFormation) -> dict[str, str]:
    """The outputs of a stage's stack. Raises ConfigError if it is not deployed."""
    name = STAGES[stage].stack_name
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise ConfigError(
            f"no stack {name} in this account and Region ({error}); create it with `make deploy`"
        ) from None
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}


def deployed(stage: str) -> dict[str, str]:
    """Read the outputs from AWS with the default credentials. Raises ConfigError."""
    try:
        return outputs_of(stage, session().client("cloudformation", config=CALLS))
    except BotoCoreError as error:
        raise ConfigError(f"cannot reach AWS: {error}") from None


def session(profile: str | None = None) -> boto3.Session:
    """A boto3 session in the Region to which the CDK deploys.

    The CDK reads AWS_REGION; boto3 reads only AWS_DEFAULT_REGION and the profile.
    """
    # boto3's default session would keep credentials found earlier.
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
