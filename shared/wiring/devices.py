"""App of the functions that know devices: `device_sync` and `disconnect`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from shared.data_access.member_rows import MemberRows
from shared.devices.command_store import SyncCommandStore
from shared.devices.connection_devices import ConnectionDevices
from shared.devices.device_store import DeviceStore
from shared.devices.fanout import DeviceFanout, GoneConnections
from shared.devices.presence_check import PresenceCheck
from shared.devices.registry import DeviceRegistry
from shared.devices.relay import SyncRelay
from shared.devices.snapshots import SyncSnapshots
from shared.devices.state_store import SyncStateStore
from shared.devices.sync_service import SyncService
from shared.devices.webhook import SyncWebhook
from shared.devices.webhook_check import WebhookCheck
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.sweeps.cleanup_requests import CleanupRequests
from shared.utils.settings import DISCONNECT_HANDLER_FUNCTION, CleanUpSettings, load
from shared.wiring.app import App


class DeviceApp(App):
    """The parts of the device_sync and disconnect functions."""

    @cached_property
    def device_registry(self) -> DeviceRegistry:
        return DeviceRegistry(
            self._devices,
            self._connections,
            self._device_fanout,
            self.sync_snapshots,
            self._connection_devices,
            sender=self._aws.sender,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def sync_service(self) -> SyncService:
        return SyncService(
            self._sync_relay, self._connection_devices, self._connections, self.clock
        )

    @cached_property
    def sync_snapshots(self) -> SyncSnapshots:
        return SyncSnapshots(SyncStateStore(self._aws.devices), self._connections, self.clock)

    @cached_property
    def sync_webhook(self) -> SyncWebhook:
        check = WebhookCheck(self._aws.sync_secret, self.clock)
        return SyncWebhook(self._sync_relay, check.check, self.clock)

    @cached_property
    def presence_check(self) -> PresenceCheck:
        return PresenceCheck(
            self._devices,
            MemberRows(self._aws.connections),
            self._device_fanout,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _clean_up(self) -> Callable[[Sequence[str]], object]:
        if DISCONNECT_HANDLER_FUNCTION not in self._environment:
            # This is the disconnect function: clean up here.
            return lambda ids: [self.leave_service.remove(item) for item in ids]
        settings = load(CleanUpSettings, self._environment)
        disconnect = self._aws.disconnect(settings.disconnect_handler_function)
        return CleanupRequests(disconnect, self.clock, self.telemetry).send

    @cached_property
    def _devices(self) -> DeviceStore:
        return DeviceStore(self._aws.devices)

    @cached_property
    def _connection_devices(self) -> ConnectionDevices:
        return ConnectionDevices(self._devices)

    @cached_property
    def _sync_relay(self) -> SyncRelay:
        return SyncRelay(
            SyncStateStore(self._aws.devices),
            SyncCommandStore(self._aws.devices),
            self._devices,
            self._device_fanout,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def _device_fanout(self) -> DeviceFanout:
        gone = GoneConnections()
        broadcasts = BroadcastHandler(
            self._aws.sender,
            self._rosters,
            remove_gone=gone.add,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return DeviceFanout(
            self._devices,
            broadcasts,
            gone,
            clean_up=self._clean_up,
            clock=self.clock,
            telemetry=self.telemetry,
        )
