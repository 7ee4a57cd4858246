"""Token sources: one-line errors of commands, files and services."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from client.errors import TokenError
from client.tokens.file import TokenFile
from client.tokens.sources import (
    CommandTokenSource,
    NoServiceError,
    RefreshTokenSource,
    ServiceTokenSource,
    parse_command,
)
from local.http.messages import Request, Response
from local.http.server import HttpServer
from local.identity.cognito_issuer import TokenIssuer
from shared.utils.clock import SystemClock
from tests.unit.client.support import token_service

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


def python(code: str, timeout_seconds: float = 20.0) -> CommandTokenSource:
    return CommandTokenSource([sys.executable, "-c", code], timeout_seconds)


async def fault_of(source: CommandTokenSource | RefreshTokenSource) -> str:
    with pytest.raises(TokenError) as raised:
        await source.fetch()
    message = str(raised.value)
    assert "\n" not in message
    assert JWT not in message
    return message


async def test_what_a_command_prints_is_the_token() -> None:
    assert await python(f"print({JWT!r})").fetch() == JWT
    assert await python(f"print('  {JWT}  \\r\\n\\n')").fetch() == JWT


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", "printed nothing"),
        ("print()", "printed nothing"),
        (f"print('token:', {JWT!r})", "printed something other than one token"),
        (f"print({JWT!r}); print({JWT!r})", "printed something other than one token"),
        ("print('caf\\u00e9')", "printed something other than one token"),
        ("import os; os.write(1, b'\\xff\\x00')", "printed something other than one token"),
        ("print('x' * 1_000_000)", "printed something other than one token"),
        ("raise SystemExit(3)", "ended with status 3"),
        (f"import sys; print({JWT!r}); sys.exit('expired: sign in')", "status 1: expired: sign in"),
        (f"import sys; sys.exit('leaked {JWT} here')", "status 1: leaked … here"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
    ],
)
async def test_what_is_wrong_with_a_command_is_one_line_without_a_token(
    code: str, told: str
) -> None:
    assert told in await fault_of(python(code))


@pytest.mark.parametrize("command", ["/no/such/program", "/", "/etc/passwd"])
async def test_a_command_that_cannot_be_run_is_told(command: str) -> None:
    assert "cannot be run: " in await fault_of(CommandTokenSource([command]))


async def test_a_command_that_hangs_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    # Long enough for an interpreter to start; the test does not depend on it.
    assert "gave no token within 5 s" in await fault_of(python(code, timeout_seconds=5))
    async with asyncio.timeout(10):
        while is_running(tmp_path / "pid"):  # noqa: ASYNC110 - it is the kernel that ends it
            await asyncio.sleep(0.01)


def is_running(pid: Path) -> bool:
    """Whether the process that a file names is there, if it has come so far as to write it."""
    if not pid.exists():
        return False
    state = Path(f"/proc/{pid.read_text()}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_a_command_gets_no_input() -> None:
    assert await python("import sys; print(len(sys.stdin.read()))").fetch() == "0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aws-token --stage dev", ["aws-token", "--stage", "dev"]),
        ("'my tool' \"a b\" $HOME;", ["my tool", "a b", "$HOME;"]),
    ],
)
def test_a_command_is_taken_apart_as_by_a_shell_but_run_by_none(
    text: str, words: list[str]
) -> None:
    assert parse_command(text) == words


@pytest.mark.parametrize("text", ["", "  ", "'open", "''", "a\0b"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"command|quotation"):
        parse_command(text)


async def test_a_service_that_nobody_named_may_be_missing() -> None:
    asked = ServiceTokenSource("http://127.0.0.1:1/token", lambda: "alice", ())
    with pytest.raises(TokenError) as raised:
        await asked.fetch()
    assert not isinstance(raised.value, NoServiceError)
    with pytest.raises(NoServiceError):
        await ServiceTokenSource(asked.url, asked.user, (), is_guess=True).fetch()


def kept(endpoint: str, refresh_token: str = "r", client_id: str = "client") -> TokenFile:
    return TokenFile(endpoint=endpoint, client_id=client_id, refresh_token=refresh_token)


async def test_the_file_is_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "tokens" / "dev.json"
    kept("https://cognito-idp.eu-central-1.amazonaws.com/").save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert TokenFile.load(path).refresh_token == "r"

    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        assert "chmod 600" in await fault_of(RefreshTokenSource(path))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a token file"),
        (b"[" * 100_000, "is not a token file"),
        (b"\xff", "is not a token file"),
        (b'{"endpoint": "https://x"}', "is not a token file"),
        (msgspec.json.encode(kept("http://evil.example/")), "neither https nor this machine's"),
        (msgspec.json.encode(kept("file:///etc/passwd")), "neither https nor this machine's"),
        (msgspec.json.encode(kept("https://[")), "neither https nor this machine's"),
    ],
)
async def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "file"
    path.touch(0o600)
    path.write_bytes(content)
    assert told in await fault_of(RefreshTokenSource(path))


@pytest.mark.parametrize("name", ["missing", "."])
async def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    assert "cannot be read" in await fault_of(RefreshTokenSource(tmp_path / name))


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, '{"__type": "NotAuthorizedException"}', "not accepted any more; sign in again"),
        (500, "", "HTTP status 500"),
        (200, "<html>", "contains no token"),
        (200, '{"AuthenticationResult": {}}', "contains no token"),
    ],
)
async def test_what_the_user_pool_answers_is_told(
    tmp_path: Path, status: int, body: str, told: str
) -> None:
    with token_service(status, body) as (url, _):
        kept(url).save(tmp_path / "file")
        assert told in await fault_of(RefreshTokenSource(tmp_path / "file"))


async def test_a_rotated_refresh_token_takes_the_place_of_the_former_one(tmp_path: Path) -> None:
    answer = f'{{"AuthenticationResult": {{"AccessToken": "{JWT}", "RefreshToken": "next"}}}}'
    with token_service(200, answer) as (url, asked):
        kept(url).save(tmp_path / "file")
        assert await RefreshTokenSource(tmp_path / "file").fetch() == JWT
    assert asked == [
        {
            "ClientId": "client",
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": "r"},
        }
    ]
    assert TokenFile.load(tmp_path / "file") == kept(url, "next")


async def test_a_user_pool_takes_it_for_aws_own_client_and_answers_both_alike(
    tmp_path: Path,
) -> None:
    issuer = TokenIssuer("pool", "client", SystemClock())
    asked: list[Request] = []

    def handle(request: Request) -> Response:
        asked.append(request)
        return issuer.handle(request)

    wanted = json.dumps({"sub": "alice", "refresh": True}).encode()
    issued = json.loads(issuer.handle(Request("POST", "/token", (), wanted)).body)
    server = await HttpServer.listen(handle, max_body_bytes=65_536)
    url = f"http://127.0.0.1:{server.port}/"
    kept(url, issued["refreshToken"]).save(tmp_path / "file")
    # AWS's own client, whose service model says what Cognito takes and answers.
    theirs: Any = boto3.client(
        "cognito-idp",
        region_name="eu-central-1",
        endpoint_url=url,
        config=Config(signature_version=UNSIGNED),
    )
    try:
        token = await RefreshTokenSource(tmp_path / "file").fetch()
        answer = await asyncio.to_thread(
            theirs.initiate_auth,
            ClientId="client",
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": issued["refreshToken"]},
        )
        kept(url, "forged").save(tmp_path / "file")
        assert "sign in again" in await fault_of(RefreshTokenSource(tmp_path / "file"))
    finally:
        server.close()

    assert answer["AuthenticationResult"]["AccessToken"].count(".") == token.count(".") == 2
    ours, aws, _ = asked
    assert json.loads(ours.body) == json.loads(aws.body)
    for header in ("x-amz-target", "content-type"):
        assert ours.headers[header] == aws.headers[header]
    assert (ours.method, ours.target) == (aws.method, aws.target)
