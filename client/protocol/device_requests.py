"""Requests of a device that keeps step with its user's other devices. They need a token."""

from __future__ import annotations

from client.protocol.requester import Requester
from shared.protocol.device_messages import (
    DeviceRegistered,
    GetSyncSnapshot,
    RegisterDevice,
    Sync,
    SyncAccepted,
    SyncSnapshot,
)


class DeviceRequests(Requester):
    """Each raises RequestRefusedError, RequestTimeoutError or ConnectionLostError. What makes a
    replica of it, `client.flows.device_sync` does.
    """

    async def register_device(
        self, device_id: str, name: str | None = None, kind: str | None = None
    ) -> DeviceRegistered:
        """Make this connection that device (a UUID); the one that was it before is closed."""
        return await self.ask(
            RegisterDevice(device_id=device_id, name=name, kind=kind), DeviceRegistered
        )

    async def get_sync_snapshot(self, since: int = 0, cursor: str | None = None) -> SyncSnapshot:
        """A page of what has changed since then (ms, the service's clock); the next one by the
        page's `cursor`.
        """
        return await self.ask(GetSyncSnapshot(since=since, cursor=cursor), SyncSnapshot)

    async def sync(self, change: Sync) -> SyncAccepted:
        """Tell the user's other devices; may be repeated."""
        return await self.ask(change, SyncAccepted)
