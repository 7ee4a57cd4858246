"""AWS clients with time-outs for live audio.

Those of SQS and Secrets Manager are botocore's. boto3 returns the same clients, but importing it
costs every cold start another 25 ms, for resources and S3 transfers that no function uses
(docs/decisions/0045-cold-start.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import Loader
from botocore.session import Session

from shared.data_access.dynamodb_client import DynamoDbClient
from shared.utils.clock import SystemClock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

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


class _ServiceModels(Loader):
    """Loads models of the services below.

    botocore's own loader looks into the folders of all its 400 services to learn their names.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """Names of the services that clients can be created for."""
        return ["secretsmanager", "sqs"]


@cache
def _session() -> Session:
    # Resolving Region and credentials takes milliseconds, so a process does it once.
    session = Session()
    session.register_component("data_loader", _ServiceModels())
    return session


def dynamodb_client() -> DynamoDbClient:
    """Create a DynamoDB client.

    One retry: the worst case stays far below API Gateway's 29 s, and a slow partition costs no more
    than a chunk.
    """
    return _dynamodb(attempts=2, connect_timeout_ms=500, timeout_ms=1_500)


def fail_fast_dynamodb_client() -> DynamoDbClient:
    """Create a DynamoDB client for optional work that a request waits for."""
    return _dynamodb(attempts=1, connect_timeout_ms=250, timeout_ms=250)


def _dynamodb(*, attempts: int, connect_timeout_ms: int, timeout_ms: int) -> DynamoDbClient:
    return DynamoDbClient(
        _endpoint("dynamodb"),
        region(),
        credentials_source(),
        clock=SystemClock(),
        attempts=attempts,
        connect_timeout_ms=connect_timeout_ms,
        timeout_ms=timeout_ms,
    )


def sqs_client() -> SQSClient:
    """Create an SQS client."""
    return cast("SQSClient", _session().create_client("sqs", config=_SQS))


def secrets_client() -> SecretsManagerClient:
    """Create a Secrets Manager client."""
    return cast("SecretsManagerClient", _session().create_client("secretsmanager", config=_SECRETS))


def region() -> str:
    """AWS Region of this process. Raises RuntimeError if none is configured."""
    name = _session().get_config_variable("region")
    if not name:
        raise RuntimeError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return str(name)


def lambda_endpoint() -> str:
    """Lambda endpoint: AWS_ENDPOINT_URL_LAMBDA as in botocore, or else the Region's."""
    return _endpoint("lambda")


def _endpoint(service: str) -> str:
    given = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
    if given:
        return given
    suffix = "amazonaws.com.cn" if region().startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region()}.{suffix}"


def credentials_source() -> Callable[[], ReadOnlyCredentials]:
    """Return a function that gives the present credentials, refreshed by botocore.

    Raises RuntimeError if there are none.
    """
    resolved = _session().get_credentials()
    if resolved is None:
        raise RuntimeError("no AWS credentials were found")
    return resolved.get_frozen_credentials
