"""Which device a connection is, as far as this instance knows."""

from __future__ import annotations

from collections import OrderedDict

from shared.devices.relay import DeviceLookup
from shared.models.request_errors import device_not_registered

# Beyond, the oldest connection is looked up once more.
_MOST_KNOWN = 10_000


class ConnectionDevices:
    """A sync is written before the user's devices are read, for the sake of those that register
    meanwhile, so the sender has to be known before that; a query for each sync would read all
    devices once more. Another instance may have made the connection another device since: whoever
    reads the devices afterwards looks again.
    """

    def __init__(self, devices: DeviceLookup) -> None:
        self._devices = devices
        self._known: OrderedDict[str, str] = OrderedDict()

    def of(self, user_id: str, connection_id: str) -> str:
        """The device. Raises DEVICE_NOT_REGISTERED, or StoreUnavailableError."""
        known = self._known.get(connection_id)
        if known is not None:
            self._known.move_to_end(connection_id)
            return known
        for device in self._devices.of(user_id):
            if device.connection_id == connection_id:
                self.note(connection_id, device.device_id)
                return device.device_id
        raise device_not_registered("sync")

    def note(self, connection_id: str, device_id: str) -> None:
        """The connection is that device from now on."""
        self._known[connection_id] = device_id
        self._known.move_to_end(connection_id)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def forget(self, connection_id: str) -> None:
        """The connection is that device no more."""
        self._known.pop(connection_id, None)
