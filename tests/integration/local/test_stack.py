"""The complete local stack in its own process, with a small assembly."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from local.endpoints import Endpoints
from local.iam.credentials import LocalCredentials
from local.launch import launch
from local.template.model import AwsEnvironment
from tests.integration.local.fixture_assembly import PATIENCE_SECONDS, ask


@pytest.fixture(scope="module")
def endpoints(fixture_path: Path) -> Iterator[Endpoints]:
    with launch(extra_args=["--template", str(fixture_path), "--workers", "1"]) as running:
        yield running


@pytest.fixture
def client(endpoints: Endpoints) -> Iterator[ClientConnection]:
    with connect(endpoints.websocket_url + "?token=alice", compression=None) as opened:
        yield opened


def environment_of_talk(client: ClientConnection) -> dict[str, str]:
    environment: dict[str, str] = ask(client, "show")["environment"]
    return environment


def operator() -> dict[str, str]:
    """The credentials of the user who runs the stack, which allow everything."""
    return LocalCredentials().environment() | {"AWS_REGION": AwsEnvironment().region}


def aws(service: str, endpoint: str, environment: dict[str, str]) -> Any:
    """A client with credentials from an environment."""
    return boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_SESSION_TOKEN"],
        environment["AWS_REGION"],
    ).client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}, proxies={})
    )


def test_the_handshake_goes_through_authorizer_and_connect(endpoints: Endpoints) -> None:
    with connect(endpoints.websocket_url, compression=None) as anonymous:
        assert ask(anonymous, "show")["user"] is None
    with connect(endpoints.websocket_url + "?token=bob", compression=None) as bob:
        assert ask(bob, "show")["user"] == "bob"
    with pytest.raises(InvalidStatus) as refused:
        connect(endpoints.websocket_url + "?token=bad", compression=None)
    assert refused.value.response.status_code == 401


def test_functions_see_local_addresses(endpoints: Endpoints, client: ClientConnection) -> None:
    environment = environment_of_talk(client)
    assert environment["API_GATEWAY_ENDPOINT"] == endpoints.management_url
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == endpoints.dynamodb_url
    assert environment["AWS_ENDPOINT_URL_LAMBDA"] == endpoints.lambda_url
    assert environment["TOKEN_ISSUER"].startswith("http://127.0.0.1:")


def test_a_function_posts_to_a_connection_with_a_verified_signature(
    client: ClientConnection,
) -> None:
    me = ask(client, "show")["me"]
    client.send(json.dumps({"action": "push", "to": me, "text": "for me"}))
    assert client.recv(PATIENCE_SECONDS) == "for me"


def test_wrong_and_missing_signatures_are_refused(
    endpoints: Endpoints, client: ClientConnection
) -> None:
    mine = environment_of_talk(client)
    other = aws(
        "apigatewaymanagementapi",
        endpoints.management_url,
        mine | {"AWS_SECRET_ACCESS_KEY": "other"},
    )
    with pytest.raises(ClientError) as refused:
        other.post_to_connection(ConnectionId="x=", Data=b"x")
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"

    with pytest.raises(urllib.error.HTTPError) as unsigned:
        urllib.request.urlopen(f"{endpoints.management_url}/%40connections/x", b"x")
    assert unsigned.value.code == 403
    assert "Missing Authentication Token" in json.load(unsigned.value)["message"]


def test_boto3_understands_every_answer_of_the_management_endpoint(
    endpoints: Endpoints, client: ClientConnection
) -> None:
    shown = ask(client, "show")
    api = aws("apigatewaymanagementapi", endpoints.management_url, operator())
    about = api.get_connection(ConnectionId=shown["me"])
    assert about["Identity"]["SourceIp"] == "127.0.0.1"
    with pytest.raises(api.exceptions.PayloadTooLargeException):
        api.post_to_connection(ConnectionId=shown["me"], Data=b"x" * (128 * 1024 + 1))
    api.delete_connection(ConnectionId=shown["me"])
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=shown["me"], Data=b"x")


def test_tables_and_indexes_exist(endpoints: Endpoints, client: ClientConnection) -> None:
    def counts() -> dict[str, int]:
        with urllib.request.urlopen(f"{endpoints.dynamodb_url}/_requests") as answer:
            counted: dict[str, int] = json.load(answer)
            return counted

    before = counts()
    client.send(json.dumps({"action": "store", "id": "one"}))
    assert client.recv(PATIENCE_SECONDS) == "one"
    after = counts()
    assert after["PutItem"] == before.get("PutItem", 0) + 1
    assert after["Query"] == before.get("Query", 0) + 1
    assert after["CreateTable"] == 1


def test_functions_invoke_functions(client: ClientConnection) -> None:
    assert ask(client, "invoke") == {"got": {"n": 1}, "memory": "256"}


def test_invoke_answers_as_lambda_does(endpoints: Endpoints) -> None:
    functions = aws("lambda", endpoints.lambda_url, operator())
    name = "fixture-dev-Other"
    arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{name}"
    for given in (name, arn):
        answer = functions.invoke(FunctionName=given, Payload=b'{"a": 1}')
        assert answer["StatusCode"] == 200
        assert json.load(answer["Payload"])["got"] == {"a": 1}

    failed = functions.invoke(FunctionName=name, Payload=b'{"fail": true}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.load(failed["Payload"])["errorType"] == "KeyError"

    event = functions.invoke(FunctionName=name, InvocationType="Event")
    assert event["StatusCode"] == 202
    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName=name, Payload=b"no json")
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.invoke(FunctionName=name, Payload=b'"' + b"x" * 6 * 1024 * 1024 + b'"')
    stranger = aws(
        "lambda",
        endpoints.lambda_url,
        operator() | {"AWS_SESSION_TOKEN": "other"},
    )
    with pytest.raises(ClientError, match="token"):
        stranger.invoke(FunctionName=name)


@pytest.mark.parametrize("action", ["fail", "exit", "slow"])
def test_a_function_that_fails_crashes_or_hangs_is_one_internal_error(
    client: ClientConnection, action: str
) -> None:
    assert ask(client, action)["message"] == "Internal server error"
    assert ask(client, "show")["action"] == "show"


def test_tokens_verify_with_the_keys_of_their_issuer(
    endpoints: Endpoints, client: ClientConnection
) -> None:
    assert endpoints.token_url is not None
    request = json.dumps({"sub": "alice", "groups": ["speakers"]}).encode()
    with urllib.request.urlopen(endpoints.token_url, request) as answer:
        token = json.load(answer)["token"]
    issuer = environment_of_talk(client)["TOKEN_ISSUER"]
    key = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=issuer)
    assert (claims["sub"], claims["cognito:groups"]) == ("alice", ["speakers"])
    assert claims["client_id"] == "client"
