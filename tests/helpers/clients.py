"""Clients of the functions, with the events that API Gateway makes of their JSON messages."""

from __future__ import annotations

import base64
import itertools
import json
from abc import ABC, abstractmethod
from typing import Any

from shared.protocol.requests import ACTIONS
from tests.helpers.doubles import ManualClock
from tests.helpers.fake_connections import FakeConnections
from tests.helpers.fake_token_issuer import FakeTokenIssuer

Message = dict[str, Any]

CHUNK = bytes(range(256)) * 25  # 6 400 B: 200 ms of the default format


class Clients(ABC):
    """Clients that call functions directly. Use `connect` first, then `ask` or `send_audio`."""

    #: Format of connection IDs.
    connection_format = "c{}"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sender = FakeConnections(self.clock)
        self.issuer = FakeTokenIssuer(self.clock)
        self._names = itertools.count(1)
        self._authorized: dict[str, dict[str, str]] = {}
        self._connected_at: dict[str, int] = {}
        self._addresses: dict[str, str] = {}

    @abstractmethod
    def call(self, function: str, event: Message, context: object = None) -> Any:
        """Invoke a function with any event and return its result."""

    def connect(self, user: str | None = None, *groups: str, client_id: str | None = None) -> str:
        """Open a connection, anonymous or as a user in some groups. Returns its ID."""
        context = {} if client_id is None else {"clientId": client_id}
        if user is not None:
            context |= {"userId": user, "groups": ",".join(groups)}
        return self._open(context)

    def listen_only(self, address: str | None = None) -> str:
        """Open a connection without token or ticket, as the authorizer marks it."""
        return self._open({"sends": "never"}, address)

    def connect_until(self, expires_at: int, user: str, *groups: str) -> str:
        """Open a connection as a user whose token expires at `expires_at` (ms)."""
        context = {"userId": user, "groups": ",".join(groups), "tokenExpiresAt": str(expires_at)}
        return self._open(context)

    def _open(self, context: dict[str, str], address: str | None = None) -> str:
        connection = self.connection_format.format(next(self._names))
        self._authorized[connection] = context
        if address is not None:
            self._addresses[connection] = address
        result = self._invoke("connect", connection, "$connect")
        assert result == {"statusCode": 200}
        return connection

    def disconnect(self, connection: str) -> None:
        """Deliver a $disconnect event, also repeatedly."""
        self._invoke("disconnect", connection, "$disconnect")

    def ask(self, connection: str, action: str, **fields: Any) -> Message:
        """Send a request that is replied to. Returns the reply or error."""
        spec = ACTIONS.get(action)
        text = json.dumps({"action": action, **fields})
        reply = self.ask_text(connection, text, spec.function if spec else "control")
        if spec is not None and reply["type"] != "error":
            assert spec.reply is not None
            assert reply["type"] == spec.reply.__struct_config__.tag
        return reply

    def ask_text(
        self,
        connection: str,
        text: str,
        function: str = "control",
        *,
        arrived_at: int | None = None,
    ) -> Message:
        """Send any text to a function that replies. Returns the reply.

        It reached the gateway at `arrived_at` (ms) or now.
        """
        result = self._invoke(function, connection, "$default", text, arrived_at)
        assert result["statusCode"] == 200
        reply: Message = json.loads(result["body"])
        return reply

    def send_audio(
        self,
        connection: str,
        seq: object = 0,
        audio: object = CHUNK,
        *,
        arrived_at: int | None = None,
        **fields: Any,
    ) -> None:
        """Send a chunk, which reached the gateway at `arrived_at` (ms) or now. Errors are pushed.

        Audio other than bytes is sent without encoding it.
        """
        request: Message = {
            "action": "sendAudio",
            "seq": seq,
            "timestamp": self.clock.now_ms(),
            "audio": base64.b64encode(audio).decode() if isinstance(audio, bytes) else audio,
            **fields,
        }
        result = self._invoke(
            "audio_processor", connection, "sendAudio", json.dumps(request), arrived_at
        )
        assert result == {"statusCode": 200}

    def send_caption(
        self, connection: str, text: object = "Hola.", *, arrived_at: int | None = None, **more: Any
    ) -> None:
        """Send a final caption of the last second. Errors are pushed.

        It reached the gateway at `arrived_at` (ms) or now.
        """
        now = self.clock.now_ms()
        request: Message = {
            "action": "sendCaption",
            "text": text,
            "final": True,
            "timestamp": now - 1000,
            "endTimestamp": now,
            **more,
        }
        result = self._invoke(
            "audio_processor", connection, "sendCaption", json.dumps(request), arrived_at
        )
        assert result == {"statusCode": 200}

    def send_text(self, connection: str, route: str, text: str) -> None:
        """Send any text on a route of the audio processor."""
        assert self._invoke("audio_processor", connection, route, text) == {"statusCode": 200}

    def pushes(self, connection: str, kind: str | None = None) -> list[Message]:
        """Messages pushed to a connection, all or of one type."""
        messages = [json.loads(data) for data in self.sender.received(connection)]
        return [message for message in messages if kind in {None, message["type"]}]

    def create_session(self, **fields: Any) -> tuple[str, str]:
        """Create a session as user alice. Returns the connection and the session ID."""
        speaker = self.connect("alice", "speakers")
        reply = self.ask(speaker, "createSession", sourceLanguage="en", **fields)
        assert reply["type"] == "sessionCreated", reply
        return speaker, reply["sessionId"]

    def listener(self, session_id: str, language: str = "es") -> str:
        """Join as an anonymous listener of a language. Returns the connection."""
        connection = self.connect()
        reply = self.ask(connection, "joinSession", sessionId=session_id, targetLanguage=language)
        assert reply["type"] == "sessionJoined", reply
        return connection

    def interpreter(
        self, session_id: str, language: str = "es", user: str = "ines", **more: Any
    ) -> str:
        """Join as an interpreter of a language, or a stand-by. Returns the connection."""
        connection = self.connect(user, "interpreters")
        reply = self.ask(
            connection,
            "joinSession",
            sessionId=session_id,
            targetLanguage=language,
            role="interpreter",
            **more,
        )
        assert reply["type"] == "sessionJoined", reply
        return connection

    def _invoke(
        self,
        function: str,
        connection: str,
        route: str,
        body: str | None = None,
        arrived_at: int | None = None,
    ) -> Message:
        event: Message = {
            "requestContext": {
                "routeKey": route,
                "connectionId": connection,
                "connectedAt": self._connected_at.setdefault(connection, self.clock.now_ms()),
                "requestTimeEpoch": arrived_at or self.clock.now_ms(),
                "authorizer": self._authorized.get(connection, {}),
            },
            "isBase64Encoded": False,
        }
        if connection in self._addresses:
            event["requestContext"]["identity"] = {"sourceIp": self._addresses[connection]}
        if body is not None:
            event["body"] = body
        result: Message = self.call(function, event)
        return result
