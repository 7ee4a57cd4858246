"""The DynamoDB client against a scripted server, compared with botocore where it can be."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError

from shared.data_access.dynamodb_client import DynamoDbClient, NoAnswerError
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Table
from shared.utils.clock import SystemClock

TEMPORARY = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "session token")
ERROR = "com.amazonaws.dynamodb.v20120810#"


@dataclass
class Script:
    """Answers of the server, in order, and the requests that it got."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def say(self, status: int, **body: Any) -> None:
        """Answer the next request with a JSON object."""
        self.answers.append((status, json.dumps(body).encode()))


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that keeps connections; without an answer it drops them."""
    found = Script()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.requests.append((headers, body))
            if not found.answers:
                self.close_connection = True
                return
            status, answer = found.answers.pop(0)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def client(script: Script) -> DynamoDbClient:
    return client_of(script.port)


def client_of(port: int, *, attempts: int = 2) -> DynamoDbClient:
    return DynamoDbClient(
        f"http://127.0.0.1:{port}",
        "eu-central-1",
        lambda: TEMPORARY,
        clock=SystemClock(),
        attempts=attempts,
        connect_timeout_ms=2_000,
        timeout_ms=5_000,
        pause=lambda seconds: None,
    )


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("GetItem", DynamoDbClient.get_item),
        ("BatchGetItem", DynamoDbClient.batch_get_item),
        ("Query", DynamoDbClient.query),
        ("PutItem", DynamoDbClient.put_item),
        ("UpdateItem", DynamoDbClient.update_item),
        ("DeleteItem", DynamoDbClient.delete_item),
    ],
)
def test_sends_the_parameters_as_they_are(
    script: Script, client: DynamoDbClient, operation: str, call: Callable[..., dict[str, Any]]
) -> None:
    script.say(200, Item={"text": {"S": "\u00e9\U0001f3a7\n"}})

    answer = call(client, TableName="sessions", Key={"id": {"S": "\u00e9"}}, Limit=3)

    assert answer == {"Item": {"text": {"S": "\u00e9\U0001f3a7\n"}}}
    ((headers, body),) = script.requests
    assert json.loads(body) == {
        "TableName": "sessions",
        "Key": {"id": {"S": "\u00e9"}},
        "Limit": 3,
    }
    assert headers["x-amz-target"] == f"DynamoDB_20120810.{operation}"
    assert headers["content-type"] == "application/x-amz-json-1.0"


def test_signs_as_botocore_does(script: Script, client: DynamoDbClient) -> None:
    script.say(200)
    client.get_item(TableName="sessions")

    ((headers, body),) = script.requests
    assert headers["authorization"] == botocore_authorization(headers, body)
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


def botocore_authorization(headers: dict[str, str], body: bytes) -> str:
    names = ("content-type", "host", "x-amz-target", "x-amz-security-token")
    request = AWSRequest(
        "POST",
        f"http://{headers['host']}/",
        {name: headers[name] for name in names},
        body,
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(
        Credentials("AKIDEXAMPLE", "secret", "session token"), "dynamodb", "eu-central-1"
    )
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
        f"Signature={signer.signature(signer.string_to_sign(request, canonical), request)}"
    )


def test_the_time_of_the_signature_is_now(script: Script, client: DynamoDbClient) -> None:
    script.say(200)
    client.get_item()
    ((headers, _),) = script.requests
    signed_at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - signed_at).total_seconds()) < 60


def test_raises_the_error_with_its_fields(script: Script, client: DynamoDbClient) -> None:
    script.say(
        400,
        __type=f"{ERROR}ConditionalCheckFailedException",
        message="The conditional request failed",
        Item={"id": {"S": "x"}},
    )
    with pytest.raises(ClientError) as caught:
        client.update_item()

    assert caught.value.response["Error"] == {
        "Code": "ConditionalCheckFailedException",
        "Message": "The conditional request failed",
    }
    response: Any = caught.value.response
    assert response["Item"] == {"id": {"S": "x"}}
    assert response["ResponseMetadata"] == {"HTTPStatusCode": 400, "RetryAttempts": 0}
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_retries_transient_errors_once(
    script: Script, client: DynamoDbClient, status: int, code: str
) -> None:
    script.say(status, __type=ERROR + code)
    script.say(200, Count=1)
    assert client.query() == {"Count": 1}

    for _ in range(2):
        script.say(status, __type=ERROR + code)
    with pytest.raises(ClientError) as caught:
        client.query()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 1


def test_one_attempt_is_not_retried(script: Script) -> None:
    script.say(500)
    with pytest.raises(ClientError):
        client_of(script.port, attempts=1).query()
    assert len(script.requests) == 1


def test_retries_an_unreadable_answer(script: Script, client: DynamoDbClient) -> None:
    script.answers += [(200, b"<html>"), (200, b"{}")]
    assert client.query() == {}
    script.answers += [(502, b"<html>"), (502, b"")]
    with pytest.raises(ClientError) as caught:
        client.query()
    assert caught.value.response["Error"]["Code"] == "502"


def test_a_lost_answer_is_no_answer(script: Script, client: DynamoDbClient) -> None:
    with pytest.raises(NoAnswerError):
        client.query()
    script.say(200)
    assert client.query() == {}, "the connection is replaced"


def test_an_unreachable_database_is_no_answer(script: Script) -> None:
    with pytest.raises(NoAnswerError):
        client_of(1).query()


def test_a_table_knows_a_refused_condition_and_an_outage(
    script: Script, client: DynamoDbClient
) -> None:
    table = Table(client, "sessions", "id")
    script.say(400, __type=f"{ERROR}ConditionalCheckFailedException")
    with pytest.raises(ConditionFailedError):
        table.put_new({"id": "x"})
    with pytest.raises(StoreUnavailableError) as caught:
        table.get("x")
    assert caught.value.uncertain


def test_threads_share_a_client(script: Script, client: DynamoDbClient) -> None:
    for _ in range(40):
        script.say(200, Count=1)
    found: list[Any] = []

    def query() -> None:
        with suppress(NoAnswerError):
            found.extend(client.query() for _ in range(10))

    threads = [threading.Thread(target=query) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"Count": 1}] * 40
