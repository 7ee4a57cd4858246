"""The likely cause of what a smoke test found, and what to do about it."""

from __future__ import annotations

from urllib.parse import urlsplit

from cli.hints import hint_for
from client.errors import (
    ClientError,
    HandshakeRefusedError,
    RequestRefusedError,
    RequestTimeoutError,
    TokenError,
    UnreachableError,
)
from client.urls import is_local
from shared.models.errors import ErrorCode

GET_TOKEN = (
    "docs/operations.md says how to get one; pass it with --token, LINGOCAST_TOKEN or "
    "`make smoke TOKEN=…`"
)
TOKEN_REFUSED = f"the token is expired, or of another stack's user pool: get a new one. {GET_TOKEN}"
STAGE_WRONG = (
    "the URL names no stage of this API: use the stack's output WebSocketUrl (wss://HOST/STAGE)"
)
IDENTITY_WANTED = (
    "listeners have no token, but this API asks for one before its authorizer does: deploy again "
    'with `make deploy ARGS="--context identitySource=host"` (docs/operations.md, Stages)'
)
_NO_SPEAKER = (
    "the token's user is in no group `speakers`: add the user to it, then get a new token, which "
    "names the groups of its time. docs/operations.md says how"
)
_LOCAL_TOKEN = "pass --token-url as the local server printed it (tokenUrl), or --token"
_LOCAL_SERVER = "is the server running? `make run` starts one; --url is what it printed"
_DEPLOYED = "is --url the output WebSocketUrl (wss://HOST/STAGE), and does the network lead there?"
_TOO_MANY = "API Gateway limits new connections: wait, or raise the quota"

_HANDSHAKES = {401: IDENTITY_WANTED, 429: _TOO_MANY}


def logs_folder(function: str, url: str) -> str:
    """Where a function of the stack at `url` says what went wrong."""
    if is_local(url):
        return f"look into the local server's log of {function} (.local/logs)"
    stage = urlsplit(url).path.strip("/") or "STAGE"
    group = f"/aws/lambda/lingocast-{stage}-{function}"
    return f"look into the log group {group}: aws logs tail {group} --since 10m"


def step_hint(fault: ClientError, url: str, function: str = "control") -> str | None:
    """What to do about a fault of a step that `function` serves."""
    match fault:
        case UnreachableError():
            return _LOCAL_SERVER if is_local(url) else _DEPLOYED
        case HandshakeRefusedError(status=status):
            return _HANDSHAKES.get(status) or logs_folder("connect", url)
        case RequestRefusedError(code=code):
            return _refused(code, url) or logs_folder(function, url)
        case RequestTimeoutError():
            return logs_folder(function, url)
        case TokenError():
            return f"{hint_for(fault)} {GET_TOKEN}"
        case _:
            return hint_for(fault)


def _refused(code: str, url: str) -> str | None:
    if code == ErrorCode.AUTHENTICATION_REQUIRED:
        return _LOCAL_TOKEN if is_local(url) else GET_TOKEN
    return _NO_SPEAKER if code == ErrorCode.FORBIDDEN else None
