"""AWS clients with time-outs for live audio."""

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

# One retry (time-outs in s): the worst case stays far below API Gateway's 29 s, and a slow
# partition costs no more than a chunk.
_DYNAMODB = Config(
    connect_timeout=0.5,
    read_timeout=1.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    # A roster refresh runs concurrently with the read of a session.
    max_pool_connections=4,
    tcp_keepalive=True,
)
# For optional work that a request waits for: short time-outs (s), no retry.
_FAIL_FAST_DYNAMODB = Config(
    connect_timeout=0.25,
    read_timeout=0.25,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)
# Three attempts (time-outs in s): nothing else resends a lost timer.
_SQS = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 3},
)
# Rare reads during a webhook request (time-outs in s).
_SECRETS = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@cache
def _session() -> boto3.Session:
    # Resolving Region and credentials takes milliseconds, so a process does it once.
    return boto3.Session()


def dynamodb_client() -> DynamoDBClient:
    """Create a DynamoDB client. boto3 reads Region and endpoint from the environment."""
    return _session().client("dynamodb", config=_DYNAMODB)


def fail_fast_dynamodb_client() -> DynamoDBClient:
    """Create a DynamoDB client with short time-outs and no retries."""
    return _session().client("dynamodb", config=_FAIL_FAST_DYNAMODB)


def sqs_client() -> SQSClient:
    """Create an SQS client."""
    return _session().client("sqs", config=_SQS)


def secrets_client() -> SecretsManagerClient:
    """Create a Secrets Manager client."""
    return _session().client("secretsmanager", config=_SECRETS)


def region() -> str:
    """AWS Region of this process. Raises RuntimeError if none is configured."""
    name = _session().region_name
    if not name:
        raise RuntimeError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return name


def lambda_endpoint() -> str:
    """Lambda endpoint: AWS_ENDPOINT_URL_LAMBDA as in boto3, or else the Region's."""
    given = os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
    if given:
        return given
    suffix = "amazonaws.com.cn" if region().startswith("cn-") else "amazonaws.com"
    return f"https://lambda.{region()}.{suffix}"


def credentials_source() -> Callable[[], ReadOnlyCredentials]:
    """Return a function that gives the present credentials, refreshed by botocore.

    Raises RuntimeError if there are none.
    """
    resolved = _session().get_credentials()
    if resolved is None:
        raise RuntimeError("no AWS credentials were found")
    return resolved.get_frozen_credentials
