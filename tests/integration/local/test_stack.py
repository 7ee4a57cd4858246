"""The whole local stack as a process of its own, over a small assembly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import jwt
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from local.endpoints import Endpoints
from local.errors import StartError
from local.launch import launch
from tests.integration.local.fixture_functions import CODE
from tests.unit.local import assembly

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 10


def fixture_template() -> assembly.Template:
    endpoint = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"}
    template = assembly.with_routes(
        {"$connect": "Life", "$disconnect": "Life", "$default": "Talk", "quiet": "Talk"},
        {"$default"},
        Life=assembly.function("functions.life"),
        Talk=assembly.function(
            "functions.talk",
            timeout=1,
            API_GATEWAY_ENDPOINT=endpoint,
            TABLE={"Ref": "Notes"},
            OTHER={"Ref": "Other"},
            TOKEN_ISSUER={"Fn::GetAtt": ["Pool", "ProviderURL"]},
        ),
        Other=assembly.function("functions.other"),
        Guard=assembly.function("functions.guard"),
    )
    return assembly.with_authorizer(template, "Guard")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assembly.write(tmp_path_factory.mktemp("assembly"), fixture_template(), CODE)


@pytest.fixture(scope="module")
def endpoints(template: Path) -> Iterator[Endpoints]:
    with launch(extra_args=["--template", str(template), "--workers", "1"]) as running:
        yield running


@pytest.fixture
def client(endpoints: Endpoints) -> Iterator[ClientConnection]:
    with connect(endpoints.websocket_url + "?token=alice", compression=None) as opened:
        yield opened


def ask(client: ClientConnection, action: str, **fields: object) -> Any:
    client.send(json.dumps({"action": action, **fields}))
    return json.loads(client.recv(PATIENCE_SECONDS))


def environment_of_talk(client: ClientConnection) -> dict[str, str]:
    environment: dict[str, str] = ask(client, "show")["environment"]
    return environment


def aws(service: str, endpoint: str, environment: dict[str, str]) -> Any:
    """A client with the credentials that the functions have."""
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


def test_functions_see_local_addresses_in_place_of_deployed_ones(
    endpoints: Endpoints, client: ClientConnection
) -> None:
    environment = environment_of_talk(client)
    assert environment["API_GATEWAY_ENDPOINT"] == endpoints.management_url
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == endpoints.dynamodb_url
    assert environment["AWS_ENDPOINT_URL_LAMBDA"] == endpoints.lambda_url
    assert environment["TOKEN_ISSUER"].startswith("http://127.0.0.1:")


def test_a_function_reaches_a_connection_with_a_signature_that_is_verified(
    client: ClientConnection,
) -> None:
    me = ask(client, "show")["me"]
    client.send(json.dumps({"action": "push", "to": me, "text": "for me"}))
    assert client.recv(PATIENCE_SECONDS) == "for me"


def test_whoever_signs_with_other_keys_reaches_nobody(
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
    assert refused.value.response["Error"]["Code"] == "ForbiddenException"

    with pytest.raises(urllib.error.HTTPError) as unsigned:
        urllib.request.urlopen(f"{endpoints.management_url}/%40connections/x", b"x")
    assert unsigned.value.code == 403
    assert "Missing Authentication Token" in json.load(unsigned.value)["message"]


def test_boto3_understands_every_answer_of_the_management_endpoint(
    endpoints: Endpoints, client: ClientConnection
) -> None:
    shown = ask(client, "show")
    api = aws("apigatewaymanagementapi", endpoints.management_url, shown["environment"])
    about = api.get_connection(ConnectionId=shown["me"])
    assert about["Identity"]["SourceIp"] == "127.0.0.1"
    with pytest.raises(api.exceptions.PayloadTooLargeException):
        api.post_to_connection(ConnectionId=shown["me"], Data=b"x" * (128 * 1024 + 1))
    api.delete_connection(ConnectionId=shown["me"])
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=shown["me"], Data=b"x")


def test_the_tables_and_their_indexes_are_there(
    endpoints: Endpoints, client: ClientConnection
) -> None:
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


def test_invoke_answers_as_lambda_does(endpoints: Endpoints, client: ClientConnection) -> None:
    functions = aws("lambda", endpoints.lambda_url, environment_of_talk(client))
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
        environment_of_talk(client) | {"AWS_SESSION_TOKEN": "other"},
    )
    with pytest.raises(ClientError, match="token"):
        stranger.invoke(FunctionName=name)


@pytest.mark.parametrize("action", ["fail", "exit", "slow"])
def test_a_function_that_fails_dies_or_hangs_is_an_internal_error_once(
    client: ClientConnection, action: str
) -> None:
    assert ask(client, action)["message"] == "Internal server error"
    assert ask(client, "show")["action"] == "show"


def test_tokens_verify_with_the_keys_at_their_issuer(
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


# --- the process ----------------------------------------------------------------------------------


def start(template: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "--port=0", "--template", str(template), *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)]
)
def test_no_process_is_left_however_the_stack_ends(
    template: Path, number: signal.Signals, status: int
) -> None:
    process = start(template, "--ready-json")
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready.keys() >= {"websocketUrl", "managementUrl", "tokenUrl", "httpUrl", "webUrl"}
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 5  # four functions and the database
        with connect(ready["websocketUrl"], compression=None) as client:
            ask(client, "show")
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == status
        eventually(lambda: not alive(children), f"children end after {number.name}")
        assert process.stdout.read() == "", "one line is all that stands on standard output"
    finally:
        process.kill()
        process.communicate()


def test_a_stop_while_it_starts_leaves_nothing_either(template: Path) -> None:
    process = start(template, "--ready-json")
    try:
        parent = psutil.Process(process.pid)
        eventually(lambda: parent.children(recursive=True), "something starts")
        children = parent.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: not alive(children), "children end")
    finally:
        process.kill()
        process.communicate()


def test_without_ready_json_people_are_told_what_to_do(template: Path) -> None:
    process = start(template)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(8)]
        assert any("python -m client listen" in line for line in lines)
        assert any("Logs of the functions" in line for line in lines)
    finally:
        process.terminate()
        _, progress = process.communicate(timeout=PATIENCE_SECONDS)
    assert "4 functions" in progress


def test_the_end_of_the_database_ends_the_stack_and_says_so(template: Path) -> None:
    process = start(template, "--ready-json")
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        (database,) = [
            child
            for child in psutil.Process(process.pid).children()
            if "dynalite" in " ".join(child.cmdline())
        ]
        os.kill(database.pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 1
        assert "the local DynamoDB ended" in errors
    finally:
        process.kill()
        process.communicate()


def failure(*arguments: str) -> str:
    """What the stack has to say when it cannot start."""
    with pytest.raises(StartError) as told, launch(extra_args=arguments):
        pass
    return str(told.value)


def test_a_taken_port_is_told_at_once(template: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in failure("--port", str(port))


def test_a_template_that_is_not_understood_is_told(tmp_path: Path) -> None:
    template = fixture_template()
    template["Resources"]["Bucket"] = {"Type": "AWS::S3::Bucket"}
    told = failure("--template", str(assembly.write(tmp_path, template, CODE)))
    assert "local: Bucket: resource type AWS::S3::Bucket is not supported" in told
    assert "Traceback" not in told


def test_a_function_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    path = assembly.write(tmp_path, fixture_template(), "raise RuntimeError('no settings')")
    told = failure("--template", str(path))
    assert "cannot start: RuntimeError: no settings" in told
    assert "Traceback" in told, "the function's own, from its log"


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--workers", "0"], ["--nonsense"]])
def test_wrong_arguments_are_told(arguments: list[str]) -> None:
    assert "usage:" in failure(*arguments)


def test_a_stack_that_is_not_ready_in_time_is_stopped(template: Path) -> None:
    with (
        pytest.raises(StartError, match="not ready within"),
        launch(extra_args=["--template", str(template)], ready_timeout_seconds=0.05),
    ):
        pass
