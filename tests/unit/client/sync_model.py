"""Reference model of the device-sync service: one user's state, by the contract."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from shared.protocol.device_messages import Sync, SyncAccepted, SyncMessage, SyncSnapshot
from shared.protocol.message_base import encode
from tests.unit.client.support import T0

OVERLAP_MS = 60_000
MAX_AHEAD_MS = 60_000
PAGE_ITEMS = 2


class ClockSkewError(Exception):
    """A clock too far ahead."""


class SyncModel:
    """State, one item a content; `now_ms` is the service's clock."""

    def __init__(self) -> None:
        self.now_ms = T0
        self.items: dict[tuple[str, str], SyncMessage] = {}

    def sync(self, origin: str, change: Sync) -> tuple[SyncAccepted, SyncMessage | None]:
        """Return the reply and the message relayed to the others. Raises ClockSkewError."""
        if change.hlc.wall_ms > self.now_ms + MAX_AHEAD_MS:
            raise ClockSkewError
        told = SyncMessage(
            timestamp=self.now_ms,
            origin_device_id=origin,
            **{
                name: getattr(change, name)
                for name in Sync.__struct_fields__
                if name != "request_id"
            },
        )
        if change.kind == "deviceCommand":
            return SyncAccepted(kind=change.kind, applied=True, delivered=1), told
        place = (change.kind, change.content_id or "")
        current = self.items.get(place)
        if current is not None and current.hlc > change.hlc:
            reply = SyncAccepted(kind=change.kind, applied=False, delivered=0, current=current)
            return reply, None
        if current is None or current.hlc < change.hlc:
            self.items[place] = told
        return SyncAccepted(kind=change.kind, applied=True, delivered=1), told

    def snapshot(self, since: int, cursor: str | None) -> SyncSnapshot:
        """Return a page; the cursor has the previous position and the first page's times."""
        after, began = json.loads(cursor) if cursor else (["", ""], self.now_ms)
        rest = [
            (place, item)
            for place, item in sorted(self.items.items())
            if place > tuple(after) and item.timestamp >= since - OVERLAP_MS
        ]
        more = json.dumps([rest[PAGE_ITEMS - 1][0], began]) if len(rest) > PAGE_ITEMS else None
        items = [item for _, item in rest[:PAGE_ITEMS]]
        return SyncSnapshot(items=items, cursor=more, timestamp=began)

    @property
    def watchlist(self) -> set[str]:
        """The state as a complete replica shows it."""
        return {
            content
            for (kind, content), item in self.items.items()
            if kind == "watchlistUpdate" and item.operation == "add"
        }

    @property
    def positions(self) -> dict[str, float | None]:
        """The winning position of each content, in s."""
        return {
            content: item.position_seconds
            for (kind, content), item in self.items.items()
            if kind == "progressUpdate"
        }


class SyncService:
    """The model behind WebSockets: devices register, and hear of each other."""

    def __init__(self) -> None:
        self.model = SyncModel()
        self.requests: list[dict[str, Any]] = []
        self.online: dict[str, ServerConnection] = {}
        self.names: dict[str, tuple[str, str]] = {}
        self.refusals: list[dict[str, Any]] = []  # errors for the next syncs
        self.silent = False  # takes syncs, and loses the connection instead of replying

    async def handle(self, connection: ServerConnection) -> None:
        try:
            async for frame in connection:
                request = json.loads(frame)
                self.requests.append(request)
                await getattr(self, "_" + request["action"])(connection, request)
        except ConnectionClosed:
            pass
        for device_id in [it for it, there in self.online.items() if there is connection]:
            del self.online[device_id]
            await self._tell_devices(connection)

    def actions(self) -> list[str]:
        """The requested actions in order."""
        return [request["action"] for request in self.requests]

    def devices(self) -> list[dict[str, Any]]:
        """The user's devices as the service lists them."""
        return [
            {"deviceId": device_id, "name": name, "kind": kind, "online": device_id in self.online}
            for device_id, (name, kind) in self.names.items()
        ]

    async def tell(self, message: SyncMessage, but: str | None = None) -> None:
        """Push to everyone online; a command to its target alone."""
        for device_id, connection in list(self.online.items()):
            if device_id != but and message.target_device_id in (None, device_id):
                await self._send(connection, encode(message))

    @staticmethod
    async def _send(connection: ServerConnection, frame: bytes) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.send(frame, text=True)

    async def _reply(
        self, connection: ServerConnection, request: dict[str, Any], reply: dict[str, Any]
    ) -> None:
        body = {**reply, "requestId": request.get("requestId")}
        await self._send(connection, json.dumps(body).encode())

    async def _tell_devices(self, but: ServerConnection) -> None:
        changed = json.dumps({"type": "devicesChanged", "devices": self.devices()}).encode()
        for connection in list(self.online.values()):
            if connection is not but:
                await self._send(connection, changed)

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        ack = {"type": "heartbeatAck", "timestamp": self.model.now_ms}
        await self._reply(connection, request, {**ack, "clientTime": request["clientTime"]})

    async def _registerDevice(  # noqa: N802
        self, connection: ServerConnection, request: dict[str, Any]
    ) -> None:
        device_id = request["deviceId"]
        former = self.online.pop(device_id, None)
        if former is not None:
            replaced = {"type": "deviceReplaced", "deviceId": device_id}
            await self._send(former, json.dumps(replaced).encode())
            await former.close()
        self.online[device_id] = connection
        name, kind = self.names.get(device_id, ("", ""))
        self.names[device_id] = (request.get("name", name), request.get("kind", kind))
        reply = {"type": "deviceRegistered", "deviceId": device_id, "devices": self.devices()}
        await self._reply(connection, request, {**reply, "timestamp": self.model.now_ms})
        await self._tell_devices(connection)

    async def _getSyncSnapshot(  # noqa: N802
        self, connection: ServerConnection, request: dict[str, Any]
    ) -> None:
        page = self.model.snapshot(request.get("since", 0), request.get("cursor"))
        await self._reply(connection, request, json.loads(encode(page)))

    async def _sync(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        if self.refusals:
            return await self._reply(connection, request, self.refusals.pop(0))
        change = msgspec.convert(request, Sync)
        origin = next(it for it, there in self.online.items() if there is connection)
        if change.target_device_id is not None and change.target_device_id not in self.online:
            offline = refusal("DEVICE_OFFLINE", 409, "targetDeviceId: not connected now")
            return await self._reply(connection, request, offline)
        try:
            reply, relayed = self.model.sync(origin, change)
        except ClockSkewError:
            skewed = refusal("CLOCK_SKEW", 400, "hlc.wallMs: ahead of the service")
            return await self._reply(connection, request, skewed)
        if relayed is not None:
            await self.tell(relayed, but=origin)
        if self.silent:
            self.silent = False
            connection.transport.abort()
            return None
        return await self._reply(connection, request, json.loads(encode(reply)))


def refusal(code: str, status: int, message: str, *, retryable: bool = False) -> dict[str, Any]:
    """Build an error message of the service."""
    return {
        "type": "error",
        "status": status,
        "code": code,
        "message": message,
        "retryable": retryable,
    }
