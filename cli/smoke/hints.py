"""Hints: what to do about a failed step of the smoke test."""

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
TOKEN_REFUSED = (
    f"the token is expired or from another stack's user pool: get a new one. {GET_TOKEN}"
)
STAGE_WRONG = (
    "the URL names no stage of this API: use the stack's output WebSocketUrl (wss://HOST/STAGE)"
)
TOKEN_REQUIRED = (
    "listeners have no token, but this API rejects them before its authorizer runs: deploy again "
    'with `make deploy ARGS="--context identitySource=host"` (docs/operations.md, Stages)'
)
_NO_SPEAKER = (
    "the token's user is not in the group `speakers`: add the user to it, then get a new token, "
    "because a token lists the groups at its issue. docs/operations.md says how"
)
_LOCAL_TOKEN = "pass --token, or --token-url with the URL that the local server printed (tokenUrl)"
_LOCAL_SERVER = "check that the server is running (`make run`) and that --url is the URL it printed"
_DEPLOYED = "check that --url is the output WebSocketUrl (wss://HOST/STAGE), and the network"
_TOO_MANY = "API Gateway throttles new connections: wait, or raise the quota"

_HANDSHAKES = {401: TOKEN_REQUIRED, 429: _TOO_MANY}


def logs_hint(function: str, url: str) -> str:
    """Where to find the logs of a function of the stack at `url`."""
    if is_local(url):
        return f"see the local server's log of {function} (.local/logs)"
    stage = urlsplit(url).path.strip("/") or "STAGE"
    group = f"/aws/lambda/lingocast-{stage}-{function}"
    return f"see the log group {group}: aws logs tail {group} --since 10m"


def step_hint(error: ClientError, url: str, function: str = "control") -> str | None:
    """Hint for the error of a step that `function` serves, or None."""
    match error:
        case UnreachableError():
            return _LOCAL_SERVER if is_local(url) else _DEPLOYED
        case HandshakeRefusedError(status=status):
            return _HANDSHAKES.get(status) or logs_hint("connect", url)
        case RequestRefusedError(code=code):
            return _refusal_hint(code, url) or logs_hint(function, url)
        case RequestTimeoutError():
            return logs_hint(function, url)
        case TokenError():
            return f"{hint_for(error)}. {GET_TOKEN}"
        case _:
            return hint_for(error)


def _refusal_hint(code: str, url: str) -> str | None:
    if code == ErrorCode.AUTHENTICATION_REQUIRED:
        return _LOCAL_TOKEN if is_local(url) else GET_TOKEN
    return _NO_SPEAKER if code == ErrorCode.FORBIDDEN else None
