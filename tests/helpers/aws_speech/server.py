"""The three services as one server, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.credentials import ReadOnlyCredentials
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as HandshakeResponse

from interpreter.engines.aws.endpoints import Endpoints
from tests.helpers.aws_speech import http, services
from tests.helpers.aws_speech.hearing import SENTENCES, Ears, Script
from tests.helpers.aws_speech.signed import header_fault, query_fault
from tests.helpers.aws_speech.streams import Stream, serve_stream
from tests.helpers.aws_speech.troubles import (
    Cut,
    HttpTrouble,
    Refused,
    Stalled,
    StreamTrouble,
)

T = TypeVar("T")
_wire_log = logging.getLogger("tests.aws_speech.wire")
_wire_log.setLevel(logging.WARNING)
Service = Literal["translate", "polly"]

REGION = "eu-central-1"
_KEYS = ("AKIDEXAMPLE", "not/a+secret", "a+session/token==")
CREDENTIALS = ReadOnlyCredentials(*_KEYS)
STREAM_PATH = "/stream-transcription-websocket"
_KEY_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PATIENCE_SECONDS = 30
_FORBIDDEN = 403


@cache
def session_of(credentials: ReadOnlyCredentials = CREDENTIALS) -> boto3.Session:
    """Whoever has those credentials, in the server's Region."""
    return boto3.Session(
        credentials.access_key, credentials.secret_key, credentials.token, region_name=REGION
    )


@dataclass(frozen=True)
class Served:
    """A request of Translate or Polly that was answered well."""

    service: Service
    members: dict[str, Any]


@dataclass
class AwsSpeech:
    """Serves while its block lasts.

    `sentences` are what Transcribe hears, by their numbers (see `loud`); `table` what Translate
    makes of (target code, text), which it otherwise only marks. With `neural` false there are none
    of those voices, as in some Regions; `unknown_pairs` are language pairs that are refused.
    Without `credentials` it does not ask who signed.
    """

    sentences: Sequence[str] = SENTENCES
    table: Mapping[tuple[str, str], str] = field(default_factory=dict)
    neural: bool = True
    unknown_pairs: frozenset[tuple[str, str]] = frozenset()
    idle_seconds: float = 15.0
    credentials: ReadOnlyCredentials | None = CREDENTIALS
    streams: list[Stream] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._script = Script(self.sentences)
        self._troubles: dict[Service, deque[HttpTrouble]] = {"translate": deque(), "polly": deque()}
        self._stream_troubles: deque[StreamTrouble | None] = deque()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoints(self) -> Endpoints:
        """Where the services are."""
        url = f"http://127.0.0.1:{self._http_port}"
        return Endpoints(f"ws://127.0.0.1:{self._stream_port}", url, url)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process finds the services, and may use them."""
        return {
            "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING": f"ws://127.0.0.1:{self._stream_port}",
            "AWS_ENDPOINT_URL_TRANSLATE": f"http://127.0.0.1:{self._http_port}",
            "AWS_ENDPOINT_URL_POLLY": f"http://127.0.0.1:{self._http_port}",
            "AWS_DEFAULT_REGION": REGION,
            **dict(zip(_KEY_SETTINGS, _KEYS, strict=True)),
        }

    def trouble(self, service: Service, *troubles: HttpTrouble) -> None:
        """The next requests of a service go wrong, one after the other."""
        self._troubles[service].extend(troubles)

    def stream_trouble(self, *troubles: StreamTrouble | None) -> None:
        """The next streams go wrong; None for one that goes well."""
        self._stream_troubles.extend(troubles)

    def forget_troubles(self) -> None:
        """From now on all goes well."""
        self._stream_troubles.clear()
        for troubles in self._troubles.values():
            troubles.clear()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that shows in `streams` or `served`."""
        if not await asyncio.to_thread(self._wait_for, happened):
            raise AssertionError("it did not happen")

    def _wait_for(self, happened: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(happened, _PATIENCE_SECONDS)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    async def _open(self) -> None:
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self._http_port = self._http.sockets[0].getsockname()[1]
        self._websockets = await serve(
            self._serve_stream,
            "127.0.0.1",
            0,
            process_request=self._shake_hands,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            logger=_wire_log,
        )
        self._stream_port = next(iter(self._websockets.sockets)).getsockname()[1]

    async def _close(self) -> None:
        self._http.close()
        self._websockets.server.close()
        for connection in self._websockets.connections:
            connection.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _shake_hands(
        self, connection: ServerConnection, request: Handshake
    ) -> HandshakeResponse | None:
        """An upgrade, unless something is wrong with it or it shall go wrong."""
        trouble = self._stream_troubles[0] if self._stream_troubles else None
        if isinstance(trouble, Refused | Stalled):
            self._stream_troubles.popleft()
        if isinstance(trouble, Stalled):
            await self._loop.create_future()
        fault = self.credentials and query_fault(
            self.credentials, REGION, "transcribe", request.headers["Host"], request.path
        )
        if fault:
            trouble = Refused(fault, _FORBIDDEN)
        elif urlsplit(request.path).path != STREAM_PATH:
            trouble = Refused("UnknownOperationException", 404)
        if not isinstance(trouble, Refused):
            return None
        response = connection.respond(trouble.status or _FORBIDDEN, '{"Message":"No."}')
        if trouble.code:
            response.headers["x-amzn-ErrorType"] = f"{trouble.code}:http://internal.amazon.com/"
        return response

    async def _serve_stream(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        trouble = self._stream_troubles.popleft() if self._stream_troubles else None
        query = urlsplit(socket.request.path).query
        stream = Stream({k: v for k, v in parse_qsl(query) if not k.startswith("X-Amz-")})
        self.streams.append(stream)
        ears = Ears(stream.sample_rate, self._script)
        await serve_stream(
            socket, stream, ears, trouble, idle_seconds=self.idle_seconds, changed=self._notify
        )

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await http.read(reader)
                polly = request.target == services.SPEECH_PATH
                service: Service = "polly" if polly else "translate"
                trouble = self._troubles[service].popleft() if self._troubles[service] else None
                if isinstance(trouble, Stalled):
                    await self._loop.create_future()
                response = http.written(self._answer(service, request, trouble))
                if isinstance(trouble, Cut):
                    writer.write(response[: len(response) - len(response) // 3])
                    await writer.drain()
                    return
                writer.write(response)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(
        self, service: Service, request: http.Request, trouble: HttpTrouble | None
    ) -> http.Response:
        status = None
        try:
            if isinstance(trouble, Refused):
                status = trouble.status
                raise services.RefusedRequestError(trouble.code, "No.")  # noqa: TRY301
            self._check(service, request)
            members = services.parsed(service, request.body)
            answer = self._translate(members) if service == "translate" else self._speak(members)
        except services.RefusedRequestError as refused:
            body = {"__type": refused.code, "message": str(refused), "Message": str(refused)}
            return http.Response(
                status or services.status_of(service, refused.code),
                json.dumps(body).encode(),
                {"x-amzn-ErrorType": refused.code},
            )
        self.served.append(Served(service, members))
        self._notify()
        return answer

    def _check(self, service: Service, request: http.Request) -> None:
        """Raises RefusedRequestError for a request that is not the service's, or badly signed."""
        parts = (request.method, request.target, request.headers, request.body)
        fault = self.credentials and header_fault(self.credentials, REGION, service, parts)
        if fault:
            raise services.RefusedRequestError(fault, "The signature is wrong.")
        target = request.headers.get("x-amz-target")
        if request.method != "POST" or (
            service == "translate" and (request.target, target) != ("/", services.TRANSLATE_TARGET)
        ):
            raise services.RefusedRequestError("UnknownOperationException", "no such operation")

    def _translate(self, members: dict[str, Any]) -> http.Response:
        pair = members["SourceLanguageCode"], members["TargetLanguageCode"]
        if pair in self.unknown_pairs:
            raise services.RefusedRequestError("UnsupportedLanguagePairException", "no such pair")
        body = json.dumps(services.translated(members, self.table)).encode()
        return http.Response(200, body, {"Content-Type": "application/x-amz-json-1.1"})

    def _speak(self, members: dict[str, Any]) -> http.Response:
        if members.get("Engine") == "neural" and not self.neural:
            raise services.RefusedRequestError("EngineNotSupportedException", "no such engine here")
        pcm, billed = services.spoken(members)
        headers = {"Content-Type": "audio/pcm", "x-amzn-RequestCharacters": str(billed)}
        return http.Response(200, pcm, headers)
