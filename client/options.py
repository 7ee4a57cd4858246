"""The options that the commands share, and what they mean."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated

import typer

from client.clock_offset import ClockOffset
from client.command_line import FileName
from client.connection import Connection, connect
from client.errors import TokenError
from client.lasting import LastingConnection, lasting
from client.reconnection import GRACE_SECONDS
from client.tokens import fetch_token, local_token_url, login_name
from shared.utils.validators import CHUNK_DURATIONS_MS, SAMPLE_RATES_HZ

DEFAULT_URL = "ws://127.0.0.1:8765/dev"

UrlOption = Annotated[
    str, typer.Option(envvar="LINGOCAST_URL", help="WebSocket address of the service.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(envvar="LINGOCAST_TOKEN", help="Who you are: a JWT. Listeners need none."),
]
TokenUrlOption = Annotated[
    str | None,
    typer.Option(
        envvar="LINGOCAST_TOKEN_URL",
        help="Fetch a token here instead; of a server on this machine it is known.",
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(help="Whom to fetch a token for.", show_default="your login name"),
]
ReconnectOption = Annotated[
    float,
    typer.Option(
        "--reconnect",
        min=0,
        help="Seconds to try to come back when the connection is lost; 0: not at all.",
    ),
]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", help="Language code (BCP 47) such as en, es or pt-br.")
]
SoundArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE.wav",
        parser=FileName,
        help="What to say: a WAV file, or - for raw 16-bit mono samples on standard input.",
    ),
]
ChunkOption = Annotated[
    int,
    typer.Option(
        min=CHUNK_DURATIONS_MS[0], max=CHUNK_DURATIONS_MS[-1], help="Milliseconds in one message."
    ),
]
SampleRateOption = Annotated[
    int,
    typer.Option(
        min=SAMPLE_RATES_HZ[0], max=SAMPLE_RATES_HZ[-1], help="Samples per second of the session."
    ),
]
DelayOption = Annotated[
    int,
    typer.Option(
        min=0, max=10_000, help="Milliseconds from capture to playing; what comes later is lost."
    ),
]


@dataclass(frozen=True, slots=True)
class Access:
    """Where to connect, and who one is: a token, or `groups` (also none) to fetch one for; without
    either, an anonymous client with an id, if it has one.
    """

    url: str
    token: str | None
    token_url: str | None
    user: str | None
    groups: Sequence[str] | None = None
    reconnect_seconds: float = GRACE_SECONDS
    client_id: Callable[[], str | None] = lambda: None

    def connect(self) -> AbstractAsyncContextManager[LastingConnection]:
        """A connection that comes back by itself when it is lost. Raises ClientError."""
        return lasting(self.open, grace_seconds=self.reconnect_seconds)

    @contextlib.asynccontextmanager
    async def open(self, offset: ClockOffset) -> AsyncIterator[Connection]:
        """One connection, with a newly fetched token if none was given. Raises ClientError."""
        token = await self.token_to_use()
        client_id = None if token else self.client_id()
        opened = connect(self.url, token=token, client_id=client_id, offset=offset)
        async with opened as connection:
            yield connection

    async def token_to_use(self) -> str | None:
        """The token that was given, or else one that is fetched now, if there is where."""
        if self.token is not None or self.groups is None:
            return self.token
        user = self.user or login_name()
        if self.token_url:
            return await fetch_token(self.token_url, user, self.groups)
        if guess := local_token_url(self.url):
            # Nobody asked for it: if nothing is there, the server says what is missing.
            with contextlib.suppress(TokenError):
                return await fetch_token(guess, user, self.groups)
        return None
