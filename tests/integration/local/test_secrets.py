"""Secrets Manager's API through boto3: the local stack and moto pass the same tests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from local.http.server import HttpServer
from local.services.secrets import MAX_BODY_BYTES, SecretsApi
from local.template.model import AwsEnvironment, Secret
from shared.utils.clock import SystemClock
from tests.integration.local.support import call

AWS = AwsEnvironment()
KEY = Secret("key", AWS.arn("secretsmanager", "secret:key-a1b2c3"), "the value")
TARGET = "secretsmanager"


class Secrets:
    """A boto3 client that runs in threads, so that the event loop can serve it."""

    def __init__(self, **where: Any) -> None:
        self.arn = KEY.arn
        self.port = 0
        self.client = boto3.Session("key", "secret", "token", AWS.region).client(
            "secretsmanager", config=Config(retries={"max_attempts": 0}, proxies={}), **where
        )

    async def get(self, secret_id: str, **more: Any) -> Any:
        """The result of GetSecretValue."""
        return await asyncio.to_thread(self.client.get_secret_value, SecretId=secret_id, **more)

    async def error(self, secret_id: str, **more: Any) -> tuple[str, str]:
        """Code and message of the error of a failed call."""
        with pytest.raises(ClientError) as raised:
            await self.get(secret_id, **more)
        error = raised.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture
async def ours() -> AsyncIterator[Secrets]:
    api = SecretsApi([KEY], SystemClock())
    server = await HttpServer.listen(api.handle, max_body_bytes=MAX_BODY_BYTES)
    client = Secrets(endpoint_url=f"http://127.0.0.1:{server.port}")
    client.port = server.port
    yield client
    server.close()


@pytest.fixture
async def moto() -> AsyncIterator[Secrets]:
    with mock_aws():
        client = Secrets()
        client.arn = client.client.create_secret(Name=KEY.name, SecretString=KEY.value)["ARN"]
        yield client


@pytest.fixture(params=["ours", "moto"])
def secrets(request: pytest.FixtureRequest) -> Secrets:
    found: Secrets = request.getfixturevalue(request.param)
    return found


async def test_a_secret_is_found_by_name_and_by_arn(secrets: Secrets) -> None:
    for secret_id in (KEY.name, secrets.arn):
        answer = await secrets.get(secret_id)
        assert (answer["Name"], answer["SecretString"]) == (KEY.name, KEY.value)
        assert answer["ARN"] == secrets.arn
        assert answer["VersionStages"] == ["AWSCURRENT"]
        assert uuid.UUID(answer["VersionId"])
        assert answer["CreatedDate"].year >= 2024


async def test_the_only_version_is_the_current_one(secrets: Secrets) -> None:
    version = (await secrets.get(KEY.name))["VersionId"]

    for more in ({"VersionId": version}, {"VersionStage": "AWSCURRENT"}):
        assert (await secrets.get(KEY.name, **more))["SecretString"] == KEY.value


@pytest.mark.parametrize(
    ("secret_id", "more"), [("nobody", {}), (KEY.name, {"VersionStage": "AWSPENDING"})]
)
async def test_unknown_secrets_and_versions_are_not_found(
    secrets: Secrets, secret_id: str, more: dict[str, str]
) -> None:
    code, message = await secrets.error(secret_id, **more)

    assert code == "ResourceNotFoundException"
    assert message.startswith("Secrets Manager can't find the specified secret")


async def test_an_unsupported_operation_is_named(ours: Secrets) -> None:
    kind = "application/x-amz-json-1.1"
    for target, body, expected in (
        (f"{TARGET}.DeleteSecret", b"{}", b"UnknownOperationException"),
        (f"{TARGET}.GetSecretValue", b"{}", b"ValidationException"),
        (f"{TARGET}.GetSecretValue", b"{", b"SerializationException"),
    ):
        answer = await call(ours.port, "POST", "/", body, X_Amz_Target=target, Content_Type=kind)
        assert answer.status == 400
        assert expected in answer.body
        assert answer.headers["content-type"] == kind
