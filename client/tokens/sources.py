"""Token sources: a development server, a command, or a refresh token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from client.errors import RenewalError, TokenError
from client.escaping import printable
from client.tokens.development import fetch_token
from client.tokens.file import TokenFile
from client.tokens.service import exchange

_COMMAND_SECONDS = 30.0
_REFRESH_SECONDS = 10.0
_MAX_BYTES = 65_536
_MAX_SHOWN = 160
# Looks like a token, and must not be shown in an error message.
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}[A-Za-z0-9_.-]*")


class NoServiceError(TokenError):
    """No token service runs at the guessed address; the client may go on without a token."""


class TokenSource(Protocol):
    """Provides tokens."""

    async def fetch(self) -> str:
        """Return a token that is valid now. Raises TokenError."""


@dataclass(frozen=True, slots=True)
class ServiceTokenSource:
    """Tokens of a development server, for the user that `user` returns."""

    url: str
    user: Callable[[], str]
    groups: Sequence[str]
    is_guess: bool = False  # the URL was not configured

    async def fetch(self) -> str:
        """As TokenSource.fetch. Raises NoServiceError if the URL was guessed."""
        user = self.user()
        try:
            return await fetch_token(self.url, user, self.groups)
        except TokenError as fault:
            if self.is_guess:
                raise NoServiceError(str(fault)) from None
            raise


def parse_command(text: str) -> Sequence[str]:
    """Split a command into words by shell rules; it runs without a shell.

    Raises ValueError if it is empty.
    """
    words = shlex.split(text)
    if not words or not words[0] or "\0" in text:
        raise ValueError("expected a command that prints a token")
    return words


@dataclass(frozen=True, slots=True)
class CommandTokenSource:
    """Tokens printed by a command, which gets no input and is killed after `timeout_seconds`."""

    command: Sequence[str]
    timeout_seconds: float = _COMMAND_SECONDS

    async def fetch(self) -> str:
        """As TokenSource.fetch."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # its child processes are killed with it
            )
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise self._fault(f"cannot be run: {reason}") from None
        try:
            async with asyncio.timeout(self.timeout_seconds):
                printed, said, _ = await asyncio.gather(
                    _read(process.stdout), _read(process.stderr), process.wait()
                )
        except BaseException as ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if isinstance(ended, TimeoutError):
                raise self._fault(f"gave no token within {self.timeout_seconds:g} s") from None
            raise
        if process.returncode:
            raise self._fault(_ended(process.returncode, said))
        return self._token(printed)

    def _token(self, printed: bytes) -> str:
        token = printed.decode(errors="replace").strip()
        if not token:
            raise self._fault("printed nothing; it should print a token")
        fits = len(printed) <= _MAX_BYTES
        if not (fits and token.isascii() and token.isprintable() and " " not in token):
            raise self._fault("printed something other than one token")
        return token

    def _fault(self, reason: str) -> RenewalError:
        return RenewalError(f"the token command {printable(self.command[0])[:_MAX_SHOWN]} {reason}")


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end, and return the beginning."""
    assert stream is not None
    kept = b""
    while part := await stream.read(_MAX_BYTES):
        kept += part[: _MAX_BYTES + 1 - len(kept)]
    return kept


def _ended(status: int, said: bytes) -> str:
    ended = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return ended
    shown = _TOKEN_LIKE.sub("…", printable(lines[-1].strip()))
    return f"{ended}: {shown[:_MAX_SHOWN]}"


class _Result(msgspec.Struct, rename="pascal"):
    access_token: str
    refresh_token: str | None = None


class _Renewed(msgspec.Struct, rename="pascal"):
    authentication_result: _Result


@dataclass(frozen=True, slots=True)
class RefreshTokenSource:
    """Tokens of a Cognito user pool, fetched with the refresh token in a private file.

    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
    """

    path: Path

    async def fetch(self) -> str:
        """As TokenSource.fetch."""
        kept = TokenFile.load(self.path)
        body = {
            "ClientId": kept.client_id,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": kept.refresh_token},
        }
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
        }
        try:
            answer = await exchange(
                kept.endpoint, json.dumps(body).encode(), _REFRESH_SECONDS, headers
            )
        except TokenError as fault:
            if fault.status == 400:
                raise RenewalError(
                    f"the refresh token in {self.path} is not accepted any more; sign in again"
                    " with make token",
                    fault.status,
                ) from None
            raise RenewalError(str(fault), fault.status) from None
        try:
            result = msgspec.json.decode(answer, type=_Renewed).authentication_result
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise RenewalError(f"the answer of {kept.endpoint} contains no token") from None
        if result.refresh_token:  # the pool rotates refresh tokens: the former one expires soon
            kept.with_refresh_token(result.refresh_token).save(self.path)
        return result.access_token
