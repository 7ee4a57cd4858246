"""AWS clients with the time-outs that live audio allows."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# One retry, so that the worst case stays far below API Gateway's 29 s and a chunk's loss is all
# that a slow partition costs (s).
_DYNAMODB = Config(
    connect_timeout=0.5,
    read_timeout=1.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    # The refresh of a roster runs beside the read of a session.
    max_pool_connections=4,
    tcp_keepalive=True,
)
# For what somebody waits for who can do without it: tried once, and not for long (s).
_FAIL_FAST_DYNAMODB = Config(
    connect_timeout=0.25,
    read_timeout=0.25,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)
# Tried three times: what is not sent here, nobody sends (s).
_SQS = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 3},
)
# Read seldom, while a webhook waits (s).
_SECRETS = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@cache
def _session() -> boto3.Session:
    # Finding region and credentials costs milliseconds; a process needs them once.
    return boto3.Session()


def dynamodb_client() -> DynamoDBClient:
    """A DynamoDB client; region and endpoint come from the environment, as boto3 reads it."""
    return _session().client("dynamodb", config=_DYNAMODB)


def fail_fast_dynamodb_client() -> DynamoDBClient:
    """One that gives up soon."""
    return _session().client("dynamodb", config=_FAIL_FAST_DYNAMODB)


def sqs_client() -> SQSClient:
    """An SQS client, configured like the above."""
    return _session().client("sqs", config=_SQS)


def secrets_client() -> SecretsManagerClient:
    """A client of Secrets Manager, configured like the above."""
    return _session().client("secretsmanager", config=_SECRETS)


def region() -> str:
    """The Region that this process works in. Raises RuntimeError if none is configured."""
    name = _session().region_name
    if not name:
        raise RuntimeError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return name


def lambda_endpoint() -> str:
    """Where functions are invoked: AWS_ENDPOINT_URL_LAMBDA as in boto3, else the Region's."""
    given = os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
    if given:
        return given
    suffix = "amazonaws.com.cn" if region().startswith("cn-") else "amazonaws.com"
    return f"https://lambda.{region()}.{suffix}"


def credentials_source() -> Callable[[], ReadOnlyCredentials]:
    """What gives the credentials of this moment, from botocore's resolver; they may refresh."""
    resolved = _session().get_credentials()
    if resolved is None:
        raise RuntimeError("no AWS credentials were found")
    return resolved.get_frozen_credentials
