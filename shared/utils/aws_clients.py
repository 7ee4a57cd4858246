"""AWS clients with the time-outs that live audio allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

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


@cache
def _session() -> boto3.Session:
    # Finding region and credentials costs milliseconds; a process needs them once.
    return boto3.Session()


def dynamodb_client() -> DynamoDBClient:
    """A DynamoDB client; region and endpoint come from the environment, as boto3 reads it."""
    return _session().client("dynamodb", config=_DYNAMODB)


def region() -> str:
    """The Region that this process works in. Raises RuntimeError if none is configured."""
    name = _session().region_name
    if not name:
        raise RuntimeError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return name


def credentials_source() -> Callable[[], ReadOnlyCredentials]:
    """What gives the credentials of this moment, from botocore's resolver; they may refresh."""
    resolved = _session().get_credentials()
    if resolved is None:
        raise RuntimeError("no AWS credentials were found")
    return resolved.get_frozen_credentials
