"""Options shared by the commands, and the connector they configure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cli.standard_io import RawFileName
from client.connection.authenticated import connect_with_token
from client.connection.backoff import GRACE_SECONDS
from client.connection.clock_offset import ClockOffset
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.websocket import Connection
from client.tokens.cache import TokenCache
from client.tokens.development import local_token_url, login_name
from client.tokens.sources import (
    CommandTokenSource,
    RefreshTokenSource,
    ServiceTokenSource,
    TokenSource,
    parse_command,
)
from shared.models.audio_format import CHUNK_DURATIONS_MS
from shared.utils.clock import Clock, SystemClock
from shared.utils.validators import SAMPLE_RATES_HZ

DEFAULT_URL = "ws://127.0.0.1:8765/dev"


def _valid_command(text: str | None) -> str | None:
    """Validate --token-command. Raises typer.BadParameter."""
    if text is not None:
        try:
            parse_command(text)
        except ValueError as fault:
            raise typer.BadParameter(str(fault), param_hint="--token-command") from None
    return text


UrlOption = Annotated[
    str, typer.Option(envvar="LINGOCAST_URL", help="WebSocket URL of the service.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(envvar="LINGOCAST_TOKEN", help="JWT that identifies you. Listeners need none."),
]
TokenUrlOption = Annotated[
    str | None,
    typer.Option(
        envvar="LINGOCAST_TOKEN_URL",
        help="URL of a token service. Defaults to that of the local server.",
    ),
]
TokenCommandOption = Annotated[
    str | None,
    typer.Option(
        envvar="LINGOCAST_TOKEN_COMMAND",
        metavar="COMMAND",
        help="Command that prints a token; runs again before it expires. Runs without a shell.",
        callback=_valid_command,
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        envvar="LINGOCAST_TOKEN_FILE",
        metavar="FILE",
        help="Renew tokens with the refresh token that `make token FILE=…` stores in this file.",
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(help="User to fetch a token for.", show_default="your login name"),
]
ReconnectOption = Annotated[
    float,
    typer.Option(
        "--reconnect",
        min=0,
        help="Seconds to keep trying to reconnect after a lost connection; 0 disables it.",
    ),
]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", help="Language code (BCP 47), such as en, es or pt-br.")
]
SoundArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE.wav",
        parser=RawFileName,
        help="Sound to send: a file (WAV, FLAC, OGG, MP3 and others), or - for standard input: "
        "the same formats, or raw 16-bit mono samples at the session's rate.",
    ),
]
ChunkOption = Annotated[
    int,
    typer.Option(
        min=CHUNK_DURATIONS_MS[0], max=CHUNK_DURATIONS_MS[-1], help="Milliseconds per chunk."
    ),
]
SampleRateOption = Annotated[
    int,
    typer.Option(
        min=SAMPLE_RATES_HZ[0], max=SAMPLE_RATES_HZ[-1], help="Sample rate of the session in Hz."
    ),
]
DelayOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=10_000,
        help="Milliseconds from capture to playback; chunks that arrive later are dropped.",
    ),
]


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections to a service, with the user's token or as an anonymous client.

    Without a token it fetches one for `groups` (possibly empty), unless they are None. An anonymous
    client sends its `client_id`, if any.
    """

    url: str
    token: str | None
    token_url: str | None
    user: str | None
    groups: Sequence[str] | None = None
    reconnect_seconds: float = GRACE_SECONDS
    client_id: Callable[[], str | None] = lambda: None
    token_command: str | None = None
    token_file: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    tokens: TokenCache = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", TokenCache(self._source(), self.token, self.clock))

    def connect(self) -> AbstractAsyncContextManager[ReconnectingConnection]:
        """Open a connection that reconnects automatically. Raises ClientError."""
        return reconnecting(self.open, grace_seconds=self.reconnect_seconds)

    def open(self, offset: ClockOffset) -> AbstractAsyncContextManager[Connection]:
        """Open a single connection and renew its token while it is open. Raises ClientError."""
        return connect_with_token(self.url, self.tokens, offset, self.clock, self.client_id)

    async def token_to_use(self) -> str | None:
        """Token to connect with now, or None. Raises TokenError."""
        return await self.tokens.current(self.clock.now_ms())

    def _source(self) -> TokenSource | None:
        """Source of new tokens, or None."""
        if self.token_command is not None:
            return CommandTokenSource(parse_command(self.token_command))
        if self.token_file is not None:
            return RefreshTokenSource(self.token_file)
        # A given token names its user; a token service would issue one for another user.
        if self.token is not None or self.groups is None:
            return None
        url = self.token_url or local_token_url(self.url)
        if url is None:
            return None
        user = self.user
        return ServiceTokenSource(
            url, lambda: user or login_name(), self.groups, is_guess=not self.token_url
        )
