"""Server of the three services, in its own thread."""

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
from tests.helpers.aws_speech.faults import (
    HttpFault,
    Refused,
    Stalled,
    StreamFault,
    Truncated,
)
from tests.helpers.aws_speech.signatures import header_error, query_error
from tests.helpers.aws_speech.speech_detection import SENTENCES, Script, SpeechDetector
from tests.helpers.aws_speech.streams import Stream, serve_stream

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
def boto_session(credentials: ReadOnlyCredentials = CREDENTIALS) -> boto3.Session:
    """A boto3 session with the credentials, in the server's Region."""
    return boto3.Session(
        credentials.access_key, credentials.secret_key, credentials.token, region_name=REGION
    )


@dataclass(frozen=True)
class Served:
    """A successful request of Translate or Polly."""

    service: Service
    members: dict[str, Any]


@dataclass
class AwsSpeech:
    """Serves for the duration of its block.

    `sentences` are the texts Transcribe recognises, by number (see `loud`). `table` holds
    translations by (target code, text); other texts are only prefixed. With `neural` false there
    are no neural voices, as in some Regions. `unknown_pairs` are language pairs to refuse. Without
    `credentials`, signatures are not checked.
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
        self._faults: dict[Service, deque[HttpFault]] = {"translate": deque(), "polly": deque()}
        self._stream_faults: deque[StreamFault | None] = deque()
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
        """Endpoints of the services."""
        url = f"http://127.0.0.1:{self._http_port}"
        return Endpoints(f"ws://127.0.0.1:{self._stream_port}", url, url)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with the endpoints and credentials."""
        return {
            "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING": f"ws://127.0.0.1:{self._stream_port}",
            "AWS_ENDPOINT_URL_TRANSLATE": f"http://127.0.0.1:{self._http_port}",
            "AWS_ENDPOINT_URL_POLLY": f"http://127.0.0.1:{self._http_port}",
            "AWS_DEFAULT_REGION": REGION,
            **dict(zip(_KEY_SETTINGS, _KEYS, strict=True)),
        }

    def inject(self, service: Service, *faults: HttpFault) -> None:
        """Inject faults into the next requests of a service, one fault per request."""
        self._faults[service].extend(faults)

    def inject_stream(self, *faults: StreamFault | None) -> None:
        """Inject faults into the next streams, one per stream; None for no fault."""
        self._stream_faults.extend(faults)

    def clear_faults(self) -> None:
        """Remove all pending faults."""
        self._stream_faults.clear()
        for faults in self._faults.values():
            faults.clear()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for a condition on `streams` or `served`."""
        if not await asyncio.to_thread(self._wait_for, happened):
            raise AssertionError("the condition did not become true in time")

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
        """Accept the upgrade, unless it is invalid or has an injected fault."""
        fault = self._stream_faults[0] if self._stream_faults else None
        if isinstance(fault, Refused | Stalled):
            self._stream_faults.popleft()
        if isinstance(fault, Stalled):
            await self._loop.create_future()
        code = self.credentials and query_error(
            self.credentials, REGION, "transcribe", request.headers["Host"], request.path
        )
        if code:
            fault = Refused(code, _FORBIDDEN)
        elif urlsplit(request.path).path != STREAM_PATH:
            fault = Refused("UnknownOperationException", 404)
        if not isinstance(fault, Refused):
            return None
        response = connection.respond(fault.status or _FORBIDDEN, '{"Message":"No."}')
        if fault.code:
            response.headers["x-amzn-ErrorType"] = f"{fault.code}:http://internal.amazon.com/"
        return response

    async def _serve_stream(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        fault = self._stream_faults.popleft() if self._stream_faults else None
        query = urlsplit(socket.request.path).query
        stream = Stream({k: v for k, v in parse_qsl(query) if not k.startswith("X-Amz-")})
        self.streams.append(stream)
        detector = SpeechDetector(stream.sample_rate, self._script)
        await serve_stream(
            socket, stream, detector, fault, idle_seconds=self.idle_seconds, changed=self._notify
        )

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await http.read(reader)
                polly = request.target == services.SPEECH_PATH
                service: Service = "polly" if polly else "translate"
                fault = self._faults[service].popleft() if self._faults[service] else None
                if isinstance(fault, Stalled):
                    await self._loop.create_future()
                response = http.encode(self._answer(service, request, fault))
                if isinstance(fault, Truncated):
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
        self, service: Service, request: http.Request, fault: HttpFault | None
    ) -> http.Response:
        status = None
        try:
            if isinstance(fault, Refused):
                status = fault.status
                raise services.RefusedRequestError(fault.code, "No.")  # noqa: TRY301
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
        """Raise RefusedRequestError for an unknown operation or a wrong signature."""
        parts = (request.method, request.target, request.headers, request.body)
        code = self.credentials and header_error(self.credentials, REGION, service, parts)
        if code:
            raise services.RefusedRequestError(code, "The signature is wrong.")
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
