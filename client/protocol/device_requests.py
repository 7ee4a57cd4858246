"""Requests of a device that syncs with its user's other devices. They need a token."""

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
    """Register a device, read the sync state and publish changes.

    `client.flows.device_sync` maintains a replica with them. Each request raises
    RequestRefusedError, RequestTimeoutError or ConnectionLostError.
    """

    async def register_device(
        self, device_id: str, name: str | None = None, kind: str | None = None
    ) -> DeviceRegistered:
        """Register this connection as a device (a UUID); its former connection is closed."""
        return await self.ask(
            RegisterDevice(device_id=device_id, name=name, kind=kind), DeviceRegistered
        )

    async def get_sync_snapshot(self, since: int = 0, cursor: str | None = None) -> SyncSnapshot:
        """Return a page of changes since a time (ms, the service's clock).

        Pass the page's `cursor` to get the next one.
        """
        return await self.ask(GetSyncSnapshot(since=since, cursor=cursor), SyncSnapshot)

    async def sync(self, change: Sync) -> SyncAccepted:
        """Publish a change to the user's other devices. Idempotent."""
        return await self.ask(change, SyncAccepted)
