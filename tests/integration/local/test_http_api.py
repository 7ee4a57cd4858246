"""The HTTP API and the secrets of a complete local stack, with a small assembly."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.endpoints import Endpoints
from local.iam.credentials import LocalCredentials
from local.launch import launch
from local.template.model import AwsEnvironment
from tests.integration.local import http_assembly
from tests.unit.local import assembly

_PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    path: Path = assembly.write(
        tmp_path_factory.mktemp("assembly"), http_assembly.template(), http_assembly.CODE
    )
    with launch(extra_args=["--template", str(path), "--workers", "1"]) as running:
        yield running


def token(endpoints: Endpoints) -> str:
    assert endpoints.token_url is not None
    wanted = json.dumps({"sub": "alice", "groups": ["speakers", "operators"]}).encode()
    with urllib.request.urlopen(endpoints.token_url, wanted) as answer:
        found: str = json.load(answer)["token"]
        return found


def ask(
    endpoints: Endpoints,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any, Message]:
    request = urllib.request.Request(f"{endpoints.http_url}{path}", body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def test_a_function_gets_the_claims_of_the_token(endpoints: Endpoints) -> None:
    headers = {
        "Authorization": f"Bearer {token(endpoints)}",
        "Content-Type": "application/json",
        "Cookie": "theme=dark; size=2",
    }
    status, event, answer = ask(endpoints, "/notes?a=1&a=2&b=%C3%A9", b'{"x": 1}', headers)

    assert status == 201
    assert answer.get_all("set-cookie") == ["a=1", "b=2"]
    assert event["routeKey"] == "POST /notes"
    assert (event["rawPath"], event["rawQueryString"]) == ("/notes", "a=1&a=2&b=%C3%A9")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "é"}
    assert event["cookies"] == ["theme=dark", "size=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert (claims["sub"], claims["token_use"]) == ("alice", "access")
    assert claims["cognito:groups"] == "[speakers operators]"
    assert claims["exp"].isdecimal()


def test_a_missing_token_is_refused(endpoints: Endpoints) -> None:
    status, body, headers = ask(endpoints, "/notes", b"{}")

    assert (status, body) == (401, {"message": "Unauthorized"})
    assert headers["www-authenticate"] == "Bearer"


def test_a_route_without_authorizer_needs_no_token(endpoints: Endpoints) -> None:
    status, event, _ = ask(endpoints, "/open")

    assert (status, event["routeKey"]) == (201, "ANY /open")
    assert event["requestContext"]["http"]["method"] == "GET"
    assert "authorizer" not in event["requestContext"]
    assert "body" not in event


@pytest.mark.parametrize("wanted", ["fail", "slow"])
def test_a_failure_of_a_function_has_no_details(endpoints: Endpoints, wanted: str) -> None:
    status, body, _ = ask(endpoints, f"/open?do={wanted}")

    assert (status, body) == (500, {"message": "Internal Server Error"})


def test_a_function_reads_only_its_own_secret(endpoints: Endpoints) -> None:
    assert ask(endpoints, "/open?do=tell")[1] == {"secret": "local-mine-secret"}

    refused = ask(endpoints, "/open?do=steal")[1]["refused"]
    assert refused["Code"] == "AccessDeniedException"
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in refused["Message"]
    assert "secret:fixture-dev-others-a1b2c3" in refused["Message"]


def test_the_operator_reads_all_secrets(endpoints: Endpoints) -> None:
    keys = LocalCredentials()
    session = boto3.Session(keys.access_key, keys.secret_key, keys.token, AwsEnvironment().region)
    client: Any = session.client(
        "secretsmanager",
        endpoint_url=endpoints.secrets_url,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )

    answer = client.get_secret_value(SecretId="fixture-dev-others")
    assert answer["SecretString"] == "local-others-secret"
    with pytest.raises(ClientError) as unknown:
        client.get_secret_value(SecretId="nobody")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_connection_serves_several_requests(endpoints: Endpoints) -> None:
    host = urlsplit(str(endpoints.http_url)).netloc
    connection = http.client.HTTPConnection(host, timeout=_PATIENCE_SECONDS)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/open")
        answer = connection.getresponse()
        assert answer.status == 201
        answer.read()
    assert connection.sock is first
    connection.close()
