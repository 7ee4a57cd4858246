"""AWS clients with time-outs for live audio.

They are botocore's. boto3 returns the same clients, but importing it costs every cold start another
25 ms, for resources and S3 transfers that no function uses (docs/decisions/0045-cold-start.md).
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

from shared.aws.dynamodb_responses import decode_fast

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


class _ServiceModels(Loader):
    """Loads models of the services below.

    botocore's own loader looks into the folders of all its 400 services to learn their names.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """Names of the services that clients can be created for."""
        return ["dynamodb", "secretsmanager", "sqs"]


@cache
def _session() -> Session:
    # Resolving Region and credentials takes milliseconds, so a process does it once.
    session = Session()
    session.register_component("data_loader", _ServiceModels())
    return session


def dynamodb_client() -> DynamoDBClient:
    """Create a DynamoDB client. botocore reads Region and endpoint from the environment."""
    return _dynamodb(_DYNAMODB)


def fail_fast_dynamodb_client() -> DynamoDBClient:
    """Create a DynamoDB client with short time-outs and no retries."""
    return _dynamodb(_FAIL_FAST_DYNAMODB)


def _dynamodb(config: Config) -> DynamoDBClient:
    client = cast("DynamoDBClient", _session().create_client("dynamodb", config=config))
    return decode_fast(client)


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
