"""Devices in the devices table, each with its current connection."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.devices.device import DeviceRecord
from shared.models import schema

ONLINE_BUCKETS = 8

_PREFIX = "device#"
_CONNECTION = "connectionId"
_OFFLINE_SINCE = "offlineSince"
# The device's former connection, until it has been closed.
_REPLACED = "replacedConnectionId"
# An attempt fails only if another connection registers the device; this many in a row are a fault.
_ATTEMPTS = 5


class DeviceStore:
    """Reads and writes devices. All methods raise StoreUnavailableError.

    Going offline is fenced by the connection: it has no effect once the device is on a newer one.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def devices_of(self, user_id: str) -> list[DeviceRecord]:
        """Return all devices of a user, by id; one query, strongly consistent."""
        items = self._table.query_partition(
            "#user = :user AND begins_with(#item, :prefix)",
            names={"#user": schema.USER_ID, "#item": schema.DEVICE_ITEM},
            values={":user": user_id, ":prefix": _PREFIX},
        )
        return [_from_item(item) for item in items]

    def come_online(self, user_id: str, device: DeviceRecord) -> DeviceRecord | None:
        """Put a device on its connection. Returns the device as it was before, or None.

        If the returned device has another connection, this call has replaced it, and the caller
        closes it. It is returned again until `confirm_closed`.
        """
        sort_key = _PREFIX + device.device_id
        for _ in range(_ATTEMPTS):
            before = self._table.get((user_id, sort_key)) or {}
            former = before.get(_CONNECTION)
            if former in {None, device.connection_id}:
                former = before.get(_REPLACED)
            if self._put(user_id, device, before.get(_CONNECTION), former):
                if not before:
                    return None
                return replace(_from_item(before), connection_id=former or before.get(_CONNECTION))
        raise StoreUnavailableError("put_item: lost every race against other connections")

    def confirm_closed(self, user_id: str, device_id: str, connection_id: str) -> None:
        """Record that the connection which `connection_id` has replaced is closed."""
        self._table.update_if(
            (user_id, _PREFIX + device_id),
            "REMOVE #replaced",
            condition="#connection = :connection",
            names={"#replaced": _REPLACED, "#connection": _CONNECTION},
            values={":connection": connection_id},
        )

    def _put(
        self, user_id: str, device: DeviceRecord, seen: str | None, replaced: str | None
    ) -> bool:
        """Write the device unless its connection is no longer `seen`."""
        item = {
            schema.USER_ID: user_id,
            schema.DEVICE_ITEM: _PREFIX + device.device_id,
            "name": device.name,
            "kind": device.kind,
            _CONNECTION: device.connection_id,
            _REPLACED: replaced,
            schema.ONLINE_BUCKET: _bucket(user_id),
        }
        try:
            self._table.put_if(
                item,
                condition="attribute_not_exists(#connection)"
                if seen is None
                else "#connection = :seen",
                names={"#connection": _CONNECTION},
                values={} if seen is None else {":seen": seen},
            )
        except ConditionFailedError:
            return False
        return True

    def go_offline(self, user_id: str, device_id: str, connection_id: str, now_ms: int) -> bool:
        """Take the device offline; False if it is not on that connection."""
        try:
            self._table.update(
                (user_id, _PREFIX + device_id),
                "SET #since = :now REMOVE #connection, #bucket",
                condition="#connection = :connection",
                names={
                    "#since": _OFFLINE_SINCE,
                    "#connection": _CONNECTION,
                    "#bucket": schema.ONLINE_BUCKET,
                },
                values={":now": now_ms, ":connection": connection_id},
            )
        except ConditionFailedError:
            return False
        return True

    def remove(self, user_id: str, device: DeviceRecord) -> bool:
        """Remove an offline device; False if it has come online or has been removed."""
        try:
            self._table.delete_if(
                (user_id, _PREFIX + device.device_id),
                condition="#since = :since",
                names={"#since": _OFFLINE_SINCE},
                values={":since": device.offline_since},
            )
        except ConditionFailedError:
            return False
        return True

    @staticmethod
    def buckets() -> tuple[str, ...]:
        """Return the partitions of the index of online devices, for `online`."""
        return tuple(map(str, range(ONLINE_BUCKETS)))

    def online(self, bucket: str) -> Iterator[tuple[str, str]]:
        """Yield user and device id of the online devices, page by page; eventually consistent."""
        items = self._table.query(
            schema.ONLINE_INDEX,
            "#bucket = :bucket",
            names={"#bucket": schema.ONLINE_BUCKET},
            values={":bucket": bucket},
        )
        for item in items:
            yield item[schema.USER_ID], item[schema.DEVICE_ITEM].removeprefix(_PREFIX)

    def read(self, devices: Sequence[tuple[str, str]]) -> list[tuple[str, DeviceRecord]]:
        """Return the given devices (user and device id) that exist, with their users.

        In any order, eventually consistent.
        """
        keys = [(user_id, _PREFIX + device_id) for user_id, device_id in devices]
        return [(item[schema.USER_ID], _from_item(item)) for item in self._table.batch_get(keys)]


def _bucket(user_id: str) -> str:
    return str(zlib.crc32(user_id.encode()) % ONLINE_BUCKETS)


def _from_item(item: Item) -> DeviceRecord:
    return DeviceRecord(
        device_id=item[schema.DEVICE_ITEM].removeprefix(_PREFIX),
        name=item["name"],
        kind=item["kind"],
        connection_id=item.get(_CONNECTION),
        offline_since=item.get(_OFFLINE_SINCE),
    )
