"""Local API Gateway for WebSocket APIs: handshakes, routes and quotas over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING
from websockets.typing import Subprotocol

from local.base.errors import PortTakenError
from local.gateway import routing
from local.gateway.authorization import AuthorizerDecision, decide
from local.gateway.connections import DEFAULT_MAX_BUFFER_BYTES, ClientConnection, Connections
from local.gateway.integration import invoke_integration
from local.gateway.throttles import TOO_MANY, Throttles
from local.gateway.websocket_events import HandshakeRequest, WebSocketEventFactory, encode, new_id
from local.runtime.fair_queue import SENDER
from local.runtime.invocation import Invoker, Outcome
from local.template.model import Stack
from shared.utils.clock import Clock

# Sizes of a message and of a frame: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
_MAX_SIZES = (routing.MAX_MESSAGE_BYTES, 32 * 1024)
# Timeout of the closing handshake.
_CLOSE_SECONDS = 4.0
# API Gateway's close reason for a close frame without status:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
_NO_STATUS = "Client-side close frame status not set"
_LOGGER = logging.getLogger("local.gateway.websocket")


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """API Gateway's quotas for WebSocket APIs, in seconds and bytes."""

    idle: float = 600.0
    lifetime: float = 7_200.0
    integration: float = 29.0
    max_buffer_bytes: int = DEFAULT_MAX_BUFFER_BYTES
    # Concurrent invocations of one connection; further messages wait unread.
    in_flight: int = 32
    # Interval between checks of idle time and lifetime.
    sweep: float = 1.0


class _Socket(ServerConnection):
    """A server connection with its ClientConnection once $connect has accepted it."""

    connection: ClientConnection | None = None


class Gateway:
    """Serves the stack's WebSocket API at ws://127.0.0.1:port/stage and ws://[::1]:port/stage."""

    def __init__(
        self,
        stack: Stack,
        connections: Connections,
        invoker: Invoker,
        clock: Clock,
        limits: GatewayLimits | None = None,
        *,
        throttles: Throttles | None = None,
    ) -> None:
        self._stack = stack
        self._connections = connections
        self._invoker = invoker
        self._clock = clock
        self._limits = limits or GatewayLimits()
        self._throttles = throttles or Throttles(stack.websocket, clock)
        self._routes = routing.RouteTable(stack.websocket)
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Server] = []
        self._stopping = False

    async def listen(self, *listeners: socket.socket) -> None:
        """Open the API on bound sockets. Raises PortTakenError."""
        for listener in listeners:
            self._servers.append(await self._start_server(listener))
        self._start_task(self._sweep())

    async def _start_server(self, listener: socket.socket) -> Server:
        try:
            return await serve(
                self._run,
                sock=listener,
                process_request=self._handshake,
                create_connection=_Socket,
                compression=None,
                max_size=_MAX_SIZES,
                # The authorizer and $connect each have the integration timeout.
                open_timeout=3 * self._limits.integration,
                # API Gateway sends no pings.
                ping_interval=None,
                close_timeout=_CLOSE_SECONDS,
                server_header=None,
                logger=_LOGGER,
                backlog=1024,
            )
        except OSError as error:
            host, port = listener.getsockname()[:2]
            raise PortTakenError(host, port) from error

    async def stop(self) -> None:
        """Close all connections with 1001 and stop waiting for functions."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await self._connections.stop()
        for server in self._servers:
            server.close()
        try:
            async with asyncio.timeout(2):
                for server in self._servers:
                    await server.wait_closed()
        except TimeoutError:
            for server in self._servers:
                for client in tuple(server.all_connections):
                    client.transport.abort()

    # Handshake

    async def _handshake(self, client: ServerConnection, request: Request) -> Response | None:
        """Respond to a handshake request: 101 if the authorizer and $connect accept it."""
        assert isinstance(client, _Socket)
        response = client.protocol.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return response
        path, _, query = request.path.partition("?")
        if path.removesuffix("/") != f"/{self._stack.websocket.stage}":
            return _reject(client, 403, "Forbidden", new_id())
        # A client that has already disconnected has no address.
        address = (client.remote_address or ("",))[0]
        handshake = HandshakeRequest(tuple(request.headers.raw_items()), query, address)
        events = WebSocketEventFactory(self._stack, new_id(), self._clock.now_ms(), handshake)
        decision = await self._authorize(events)
        if not decision.allowed:
            return _reject(client, decision.status, "", events.connection_id)
        events.authorizer = decision.context or None
        if client.protocol.state is not CONNECTING:  # the client disconnected meanwhile
            return response
        subprotocol = None
        if (connect := self._stack.websocket.routes.get("$connect")) is not None:
            event = events.connect(self._clock.now_ms())
            outcome = await self._invoke(connect.function, event)
            status = routing.connect_status(outcome)
            if status >= 300:
                return _reject(client, status, "", events.connection_id)
            subprotocol = routing.chosen_subprotocol(outcome)
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
            client.protocol.subprotocol = Subprotocol(subprotocol)
        connection = ClientConnection(client, events, self._clock, self._limits.max_buffer_bytes)
        client.connection = connection
        # From here on $disconnect must run, even if the client has already disconnected.
        client.connection_lost_waiter.add_done_callback(lambda _: self._lost(client, connection))
        return response

    async def _authorize(self, events: WebSocketEventFactory) -> AuthorizerDecision:
        if not self._throttles.admit_connection():
            return AuthorizerDecision(HTTPStatus.TOO_MANY_REQUESTS, {})
        authorizer = self._stack.websocket.authorizer
        if authorizer is None:
            return AuthorizerDecision(200, {})
        if not events.handshake.has_identity(self._stack.websocket.identity_sources):
            return AuthorizerDecision(401, {})
        outcome = await self._invoke(authorizer, events.authorize(self._clock.now_ms()))
        return decide(outcome, events.method_arn("$connect"))

    # Messages

    async def _run(self, client: ServerConnection) -> None:
        assert isinstance(client, _Socket)
        assert client.connection is not None
        connection = client.connection
        self._connections.add(connection)
        slots = asyncio.Semaphore(self._limits.in_flight)
        client_throttle = self._throttles.client_throttle()
        try:
            while True:
                await slots.acquire()
                # Raises ConnectionClosed at the latest when the connection's lifetime ends.
                message = await client.recv()
                connection.touch()
                if isinstance(message, bytes):
                    await connection.close(1003, "binary messages are not supported")
                    return
                if connection.removed:
                    return  # it is closing; ignore further messages
                if not client_throttle.admit():
                    await connection.close(1008, TOO_MANY)
                    return
                task = self._start_task(self._serve(connection, message))
                connection.pending.add(task)
                task.add_done_callback(connection.pending.discard)
                task.add_done_callback(lambda _: slots.release())
        except ConnectionClosed:
            pass
        finally:
            self._connections.remove(connection)

    async def _serve(self, connection: ClientConnection, body: str) -> None:
        """Invoke the function of a message's route and send the reply."""
        SENDER.set(connection.connection_id)
        request_id = new_id()
        route = self._routes.find(body)
        if route is None:
            message = routing.gateway_message("Forbidden", connection.connection_id, request_id)
            await connection.reply(message)
            return
        if not self._throttles.admit_request(route.key):
            message = routing.gateway_message(TOO_MANY, connection.connection_id, request_id)
            await connection.reply(message)
            return
        event = connection.events.message(route.key, body, request_id, self._clock.now_ms())
        outcome = await self._invoke(route.function, event)
        reply = routing.route_reply(outcome)
        if reply.error is not None:
            message = routing.gateway_message(reply.error, connection.connection_id, request_id)
            await connection.reply(message)
        elif route.replies:
            await connection.reply(reply.body)

    # Disconnection

    def _lost(self, client: _Socket, connection: ClientConnection) -> None:
        self._connections.remove(connection)
        if not self._stopping:
            # 1006: closed without a close frame.
            code = client.protocol.close_code or 1006
            reason = client.protocol.close_reason or ("" if code != 1005 else _NO_STATUS)
            self._start_task(self._disconnect(connection, code, reason))

    async def _disconnect(self, connection: ClientConnection, code: int, reason: str) -> None:
        if (route := self._stack.websocket.routes.get("$disconnect")) is not None:
            event = connection.events.disconnect(code, reason, self._clock.now_ms())
            await self._invoke(route.function, event)

    async def _sweep(self) -> None:
        """Close connections that reached their idle timeout or lifetime."""
        while True:
            now = self._clock.monotonic()
            for connection in self._connections:
                idle, open_for = now - connection.last_active, now - connection.opened
                if idle >= self._limits.idle or open_for >= self._limits.lifetime:
                    self._connections.close(connection, 1001, "Going away")
            await asyncio.sleep(self._limits.sweep)

    async def _invoke(self, function: str, event: dict[str, Any]) -> Outcome:
        return await invoke_integration(
            self._invoker, function, encode(event), self._limits.integration
        )

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _reject(client: ServerConnection, status: int, message: str, connection_id: str) -> Response:
    with suppress(ValueError):
        message = message or HTTPStatus(status).phrase
    body = {"message": message, "connectionId": connection_id, "requestId": new_id()}
    response = client.respond(status, json.dumps(body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
