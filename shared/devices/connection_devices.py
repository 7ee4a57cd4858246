"""Cache of the devices that connections have registered as."""

from __future__ import annotations

from collections import OrderedDict

from shared.devices.relay import DeviceLookup
from shared.models.request_errors import device_not_registered

# Beyond this, the least recently used connection is dropped and looked up again.
_MAX_CONNECTIONS = 10_000


class ConnectionDevices:
    """Device ids by connection, as far as this instance knows.

    A sync is stored before the user's devices are read, so that devices which register meanwhile
    get it. Its origin must be known before that, and the cache saves a query per sync. An entry may
    be stale if another instance has registered the connection as another device; the relay checks
    it against the devices it reads.
    """

    def __init__(self, devices: DeviceLookup) -> None:
        self._devices = devices
        self._known: OrderedDict[str, str] = OrderedDict()

    def look_up(self, user_id: str, connection_id: str) -> str:
        """Return the connection's device id.

        Raises DEVICE_NOT_REGISTERED and StoreUnavailableError.
        """
        known = self._known.get(connection_id)
        if known is not None:
            self._known.move_to_end(connection_id)
            return known
        for device in self._devices.devices_of(user_id):
            if device.connection_id == connection_id:
                self.remember(connection_id, device.device_id)
                return device.device_id
        raise device_not_registered("sync")

    def remember(self, connection_id: str, device_id: str) -> None:
        """Set the connection's device."""
        self._known[connection_id] = device_id
        self._known.move_to_end(connection_id)
        if len(self._known) > _MAX_CONNECTIONS:
            self._known.popitem(last=False)

    def forget(self, connection_id: str) -> None:
        """Remove the connection's device."""
        self._known.pop(connection_id, None)
